//! Seeded mutations: what a broken line, a broken disk or a liar does to bytes.

use crate::dice::Dice;

/// Values at which lengths and counts tend to break.
const EDGES: [u64; 11] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    u64::MAX,
];

/// A stream of mutated inputs out of a corpus.
pub struct Mutator<'a> {
    corpus: &'a [(String, Vec<u8>)],
    dice: Dice,
}

impl<'a> Mutator<'a> {
    pub fn new(corpus: &'a [(String, Vec<u8>)], seed: u64) -> Self {
        Self {
            corpus,
            dice: Dice::new(seed),
        }
    }

    /// One to four mutations of `sample`.
    pub fn mutate(&mut self, sample: &[u8]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        for _ in 0..self.dice.between(1, 4) {
            self.step(&mut bytes);
        }
        bytes
    }

    fn step(&mut self, bytes: &mut Vec<u8>) {
        match self.dice.below(9) {
            0 | 1 => self.flip_bit(bytes),
            2 => self.overwrite(bytes),
            3 => {
                let length = self.at(bytes);
                bytes.truncate(length);
            }
            4 => self.splice(bytes),
            5 | 6 => self.lie_about_a_length(bytes),
            7 => self.repeat(bytes),
            _ => self.cut_out(bytes),
        }
    }

    fn at(&mut self, bytes: &[u8]) -> usize {
        self.below(bytes.len() + 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.dice.below(bound as u64)).unwrap_or(0)
    }

    fn flip_bit(&mut self, bytes: &mut [u8]) {
        let (at, bit) = (self.below(bytes.len()), self.below(8));
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn overwrite(&mut self, bytes: &mut [u8]) {
        let (at, value) = (self.below(bytes.len()), self.dice.bytes::<1>());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value[0];
        }
    }

    /// The front of this sample and the back of another.
    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let front = self.at(bytes);
        bytes.truncate(front);
        let other = self.below(self.corpus.len());
        if let Some((_, other)) = self.corpus.get(other) {
            let back = self.at(other);
            bytes.extend_from_slice(&other[back..]);
        }
    }

    /// A fixed-length number or a varint of an extreme value, somewhere.
    fn lie_about_a_length(&mut self, bytes: &mut Vec<u8>) {
        let at = self.at(bytes);
        let edge = EDGES[self.below(EDGES.len())];
        let lie: Vec<u8> = match self.below(5) {
            0 => edge.to_be_bytes()[7..].to_vec(),
            1 => edge.to_be_bytes()[6..].to_vec(),
            2 => edge.to_be_bytes()[4..].to_vec(),
            3 => edge.to_be_bytes().to_vec(),
            _ => varint(edge),
        };
        let end = (at + lie.len()).min(bytes.len());
        bytes.splice(at..end, lie);
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let at = self.at(bytes);
        let length = self.below(64).min(bytes.len() - at);
        let again = bytes[at..at + length].to_vec();
        bytes.splice(at..at, again);
    }

    fn cut_out(&mut self, bytes: &mut Vec<u8>) {
        let at = self.at(bytes);
        let length = self.below(64).min(bytes.len() - at);
        bytes.drain(at..at + length);
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
