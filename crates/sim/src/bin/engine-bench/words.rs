//! Texts as people write them, as far as search can tell: few words are common, most are rare.

use securechat_sim::dice::Dice;

/// Different words.
const VOCABULARY: u64 = 4000;
const SYLLABLES: [&str; 20] = [
    "ka", "lo", "mi", "ren", "sta", "tor", "ve", "bi", "dun", "fel", "gra", "hes", "jo", "nim",
    "pa", "qui", "sur", "wen", "xan", "zo",
];

/// The word of that rank, 0 the most common one.
pub fn word(rank: u64) -> String {
    let mut dice = Dice::new(rank);
    (0..2 + rank % 3)
        .filter_map(|_| dice.pick(&SYLLABLES).copied())
        .collect()
}

/// A message of 20 to 200 bytes.
pub fn message(dice: &mut Dice) -> String {
    let length = dice.between(20, 200) as usize;
    text(dice, length)
}

/// A text of exactly so many bytes.
pub fn text(dice: &mut Dice, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(&word(rank(dice)));
        text.push(' ');
    }
    text.truncate(bytes);
    text
}

/// A word of rank r is about 1/r as frequent as the first one (Zipf's law).
fn rank(dice: &mut Dice) -> u64 {
    let share = dice.below(1 << 32) as f64 / (1u64 << 32) as f64;
    (VOCABULARY as f64).powf(share) as u64 - 1
}
