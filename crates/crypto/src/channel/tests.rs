use super::*;
use securechat_proto::limits::{CONTENT_TARGETS_MAX, REPAIR_HASHES_MAX, TEXT_BYTES_MAX};
use securechat_proto::wire::content::*;

fn content(body: Body) -> Content {
    let sequence = u64::from(Kind::of(&body).rule().numbering != Numbering::Never);
    Content {
        conversation_id: vec![1; 16],
        content_id: vec![2; 16],
        sequence,
        sent_at_ms: 3,
        own_head: Some(LogHead {
            era: 0,
            sequence: 1,
            hash: vec![4; 32],
        }),
        peer_head: None,
        log_entries: vec![vec![5; 100]],
        wants_log_entries: false,
        body: Some(body),
    }
}

fn text(body: &str) -> Text {
    Text {
        body: body.into(),
        reply_to: Vec::new(),
    }
}

fn introduction(first: &str) -> Introduction {
    Introduction {
        display_name: "Ada".into(),
        handle: "ada".into(),
        answer_token: vec![6; 16],
        first_message: Some(text(first)),
    }
}

fn sample(kind: Kind) -> Body {
    match kind {
        Kind::Text => Body::Text(text("hi")),
        Kind::Edit => Body::Edit(Edit {
            target: vec![7; 16],
            body: "hi".into(),
        }),
        Kind::Delete => Body::Delete(Delete {
            targets: vec![vec![7; 16]],
        }),
        Kind::Reaction => Body::Reaction(Reaction {
            target: vec![7; 16],
            emoji: "\u{1f44d}".into(),
        }),
        Kind::Receipt => Body::Receipt(Receipt {
            kind: 1,
            targets: vec![vec![7; 16]],
        }),
        Kind::Typing => Body::Typing(Typing { active: true }),
        Kind::Introduction => Body::Introduction(introduction("hi")),
        Kind::Acceptance => Body::Acceptance(Acceptance {
            display_name: "Ada".into(),
            handle: String::new(),
            delivery_token: vec![6; 16],
        }),
        Kind::Profile => Body::Profile(Profile {
            display_name: "Ada".into(),
        }),
        Kind::Repair => Body::Repair(Repair {
            envelope_hashes: vec![vec![8; 32]],
        }),
        Kind::Resend => Body::Resend(Resend {
            broken_envelope_hash: vec![8; 32],
            content: content(Body::Introduction(introduction("hi"))).encode_to_vec(),
        }),
        Kind::Gone => Body::Gone(Gone {
            broken_envelope_hash: vec![8; 32],
            sequence: 0,
        }),
        Kind::LogNotice => Body::LogNotice(LogNotice {}),
        Kind::TokenGrant => Body::TokenGrant(TokenGrant {
            delivery_token: vec![6; 16],
            sequence_restarts_at: 1,
        }),
    }
}

/// The table as docs/protocol/content.md prints it: own device, contact, stranger, ephemeral, numbering, author only.
const TABLE: [(Kind, &str); 14] = [
    (Kind::Text, "own contact - durable counted any"),
    (Kind::Edit, "own contact - durable counted author"),
    (Kind::Delete, "own contact - durable counted author"),
    (Kind::Reaction, "own contact - durable counted any"),
    (Kind::Receipt, "own contact - durable free any"),
    (Kind::Typing, "- contact - ephemeral never any"),
    (
        Kind::Introduction,
        "own contact stranger durable counted any",
    ),
    (Kind::Acceptance, "own contact - durable counted any"),
    (Kind::Profile, "own contact - durable counted any"),
    (Kind::Repair, "own contact - durable free any"),
    (Kind::Resend, "own contact stranger durable free any"),
    (Kind::Gone, "own contact stranger durable free any"),
    (Kind::LogNotice, "own contact - durable free any"),
    (Kind::TokenGrant, "own contact - durable free any"),
];

#[test]
fn every_kind_comes_only_from_where_the_table_says() {
    for (kind, row) in TABLE {
        let words: Vec<&str> = row.split(' ').collect();
        let (right, wrong) = match words[3] {
            "durable" => (ExpiryClass::Durable, ExpiryClass::Ephemeral),
            _ => (ExpiryClass::Ephemeral, ExpiryClass::Durable),
        };
        let good = content(sample(kind));
        for (column, from) in [Relation::OwnDevice, Relation::Contact, Relation::Stranger]
            .into_iter()
            .enumerate()
        {
            let expected = if words[column] == "-" {
                Err(NotAdmitted::NotFromThere)
            } else {
                Ok(kind)
            };
            assert_eq!(
                admit(&good, from, right),
                expected,
                "{kind:?} from {from:?}"
            );
        }
        assert_eq!(
            admit(&good, Relation::Contact, wrong),
            Err(NotAdmitted::WrongExpiry),
            "{kind:?}"
        );
        for (sequence, fits) in [(0, words[4] != "counted"), (9, words[4] != "never")] {
            let numbered = Content {
                sequence,
                ..good.clone()
            };
            let expected = if fits {
                Ok(kind)
            } else {
                Err(NotAdmitted::WrongNumber)
            };
            assert_eq!(
                admit(&numbered, Relation::Contact, right),
                expected,
                "{kind:?} number {sequence}"
            );
        }
        let (a, b) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
        assert!(kind.may_change(&a, &a));
        assert_eq!(kind.may_change(&a, &b), words[5] == "any", "{kind:?}");
    }
    assert_eq!(TABLE.map(|(kind, _)| kind), Kind::ALL);
}

#[test]
fn fields_outside_their_bounds_are_refused() {
    let with = |change: &dyn Fn(&mut Content)| {
        let mut changed = content(sample(Kind::Text));
        change(&mut changed);
        changed
    };
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let cases: Vec<(&str, Content)> = vec![
        (
            "conversation id",
            with(&|c| c.conversation_id = vec![0; 15]),
        ),
        ("content id", with(&|c| c.content_id = vec![0; 17])),
        ("sequence", with(&|c| c.sequence = u64::MAX)),
        ("time", with(&|c| c.sent_at_ms = u64::MAX)),
        (
            "own head",
            with(&|c| {
                c.own_head = Some(LogHead {
                    era: 0,
                    sequence: 0,
                    hash: vec![0; 31],
                })
            }),
        ),
        (
            "peer head",
            with(&|c| {
                c.peer_head = Some(LogHead {
                    era: 0,
                    sequence: u64::MAX,
                    hash: vec![0; 32],
                })
            }),
        ),
        ("entries", with(&|c| c.log_entries = vec![vec![1]; 17])),
        ("empty entry", with(&|c| c.log_entries = vec![Vec::new()])),
        ("empty text", content(Body::Text(text("")))),
        ("long text", content(Body::Text(text(&long)))),
        (
            "reply",
            content(Body::Text(Text {
                body: "x".into(),
                reply_to: vec![1],
            })),
        ),
        (
            "edit target",
            content(Body::Edit(Edit {
                target: vec![],
                body: "x".into(),
            })),
        ),
        (
            "edit text",
            content(Body::Edit(Edit {
                target: vec![1; 16],
                body: long.clone(),
            })),
        ),
        (
            "no delete targets",
            content(Body::Delete(Delete { targets: vec![] })),
        ),
        (
            "delete targets",
            content(Body::Delete(Delete {
                targets: vec![vec![1; 16]; CONTENT_TARGETS_MAX + 1],
            })),
        ),
        (
            "emoji",
            content(Body::Reaction(Reaction {
                target: vec![1; 16],
                emoji: long.clone(),
            })),
        ),
        (
            "receipt kind",
            content(Body::Receipt(Receipt {
                kind: 2,
                targets: vec![vec![1; 16]],
            })),
        ),
        (
            "receipt target",
            content(Body::Receipt(Receipt {
                kind: 0,
                targets: vec![vec![1; 15]],
            })),
        ),
        (
            "name",
            content(Body::Profile(Profile {
                display_name: "x".repeat(65),
            })),
        ),
        (
            "handle",
            content(Body::Introduction(Introduction {
                handle: "No Handle".into(),
                ..introduction("x")
            })),
        ),
        (
            "token",
            content(Body::Introduction(Introduction {
                answer_token: vec![],
                ..introduction("x")
            })),
        ),
        (
            "no hashes",
            content(Body::Repair(Repair {
                envelope_hashes: vec![],
            })),
        ),
        (
            "hashes",
            content(Body::Repair(Repair {
                envelope_hashes: vec![vec![1; 32]; REPAIR_HASHES_MAX + 1],
            })),
        ),
        (
            "hash",
            content(Body::Repair(Repair {
                envelope_hashes: vec![vec![1; 16]],
            })),
        ),
        (
            "resend",
            content(Body::Resend(Resend {
                broken_envelope_hash: vec![1; 32],
                content: vec![],
            })),
        ),
        (
            "gone",
            content(Body::Gone(Gone {
                broken_envelope_hash: vec![],
                sequence: 1,
            })),
        ),
        (
            "grant",
            content(Body::TokenGrant(TokenGrant {
                delivery_token: vec![1; 16],
                sequence_restarts_at: u64::MAX,
            })),
        ),
    ];
    for (name, case) in cases {
        assert_eq!(
            admit(&case, Relation::Contact, ExpiryClass::Durable),
            Err(NotAdmitted::OutOfBounds),
            "{name}"
        );
    }
    let mut empty = content(sample(Kind::Text));
    empty.body = None;
    assert_eq!(
        admit(&empty, Relation::Contact, ExpiryClass::Durable),
        Err(NotAdmitted::UnknownKind)
    );
}

#[test]
fn a_resend_carries_only_what_its_sender_may_send_and_what_can_be_resent() {
    let resend = |inner: Content| {
        content(Body::Resend(Resend {
            broken_envelope_hash: vec![8; 32],
            content: inner.encode_to_vec(),
        }))
    };
    let cases = [
        (Kind::Text, Relation::Contact, Ok(Kind::Resend)),
        (
            Kind::Text,
            Relation::Stranger,
            Err(NotAdmitted::NotFromThere),
        ),
        (Kind::Introduction, Relation::Stranger, Ok(Kind::Resend)),
        (
            Kind::Resend,
            Relation::Contact,
            Err(NotAdmitted::NotResendable),
        ),
        (
            Kind::Repair,
            Relation::Contact,
            Err(NotAdmitted::NotResendable),
        ),
        (
            Kind::Gone,
            Relation::Contact,
            Err(NotAdmitted::NotResendable),
        ),
        (
            Kind::Typing,
            Relation::Contact,
            Err(NotAdmitted::NotResendable),
        ),
    ];
    for (kind, from, expected) in cases {
        assert_eq!(
            admit(&resend(content(sample(kind))), from, ExpiryClass::Durable),
            expected,
            "{kind:?} {from:?}"
        );
    }
    let garbage = content(Body::Resend(Resend {
        broken_envelope_hash: vec![8; 32],
        content: vec![0xff; 9],
    }));
    assert_eq!(
        admit(&garbage, Relation::Contact, ExpiryClass::Durable),
        Err(NotAdmitted::OutOfBounds)
    );
}

#[test]
fn a_strangers_request_is_short() {
    let long = content(Body::Introduction(introduction(
        &"x".repeat(REQUEST_CONTENT_BYTES_MAX),
    )));
    assert_eq!(
        admit(&long, Relation::Stranger, ExpiryClass::Durable),
        Err(NotAdmitted::RequestTooLong)
    );
    assert_eq!(
        admit(&long, Relation::Contact, ExpiryClass::Durable),
        Ok(Kind::Introduction)
    );
}
