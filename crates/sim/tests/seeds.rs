//! Seeds that once failed, each with what it found. The simulator itself runs many more (scripts/test/40-sim).

fn holds(seed: u64) {
    if let Err(error) = securechat_sim::run_seed(seed, false) {
        panic!("seed {seed}: {error:#}");
    }
}

#[test]
fn refused_requests_are_sent_again() {
    holds(7);
}

#[test]
fn deleted_before_it_left_is_gone() {
    holds(14);
}

#[test]
fn both_sides_clamp_one_senders_numbering_alike() {
    holds(17);
    holds(21);
}

#[test]
fn a_receipt_that_overtakes_the_relays_answer_leaves_the_place_open() {
    holds(58);
}

#[test]
fn deleted_on_the_way_and_then_refused_leaves_no_stone() {
    holds(106);
}

#[test]
fn five_requests_wait_for_their_senders_log() {
    holds(157);
}

#[test]
fn an_edited_text_does_not_break_the_search() {
    holds(109);
}
