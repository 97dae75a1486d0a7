//! Seeds that once failed, each with what it found. The simulator itself runs many more (scripts/test/40-sim).

use securechat_sim::plan::Style;

fn holds(seed: u64) {
    holds_in(Style::Plain, seed);
}

fn holds_in(style: Style, seed: u64) {
    if let Err(error) = securechat_sim::run_seed(seed, style, false) {
        panic!("seed {seed} ({style:?}): {error:#}");
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

#[test]
fn requests_beyond_the_days_budget_wait_for_the_acceptance() {
    holds_in(Style::Storm, 1);
    holds_in(Style::Storm, 2);
}

#[test]
fn an_unclaimed_prekey_opens_as_long_as_the_relay_hands_it_out() {
    holds_in(Style::Absence, 2);
}

#[test]
fn a_message_without_receipt_is_encrypted_again_on_its_days_and_not_in_between() {
    holds_in(Style::Absence, 7);
}

#[test]
fn what_was_held_for_an_old_identity_becomes_a_request_that_is_answered() {
    holds_in(Style::Rebirth, 1);
}

#[test]
fn what_was_sealed_for_an_old_identity_is_not_sent_for_ever() {
    holds_in(Style::Rebirth, 3);
}

#[test]
fn a_device_that_is_gone_leads_to_the_log() {
    holds_in(Style::Rebirth, 4);
}

#[test]
fn whoever_followed_a_link_that_was_taken_back_can_still_ask() {
    holds_in(Style::Relations, 17);
}

#[test]
fn accepted_while_blocked_is_accepted_after_the_unblock() {
    holds_in(Style::Relations, 143);
}
