//! Records that two devices of one account may change at once: fields, and how three states of them become one.

use serde_json::{Map, Value};

/// A record as named fields; unknown ones come from a later version and are kept.
pub(super) type Fields = Map<String, Value>;

/// What is no record of fields has none.
pub(super) fn fields(plain: &[u8]) -> Fields {
    match serde_json::from_slice(plain) {
        Ok(Value::Object(fields)) => fields,
        _ => Fields::new(),
    }
}

/// `known` over `record`: fields that this version does not know stay.
pub(super) fn with(mut record: Fields, known: Fields) -> Value {
    record.extend(known);
    Value::Object(record)
}

/// Theirs, with what we changed since `base`, and with what theirs lacks.
pub(super) fn merge(base: &Fields, ours: &Fields, theirs: &Fields) -> Fields {
    let mut merged = theirs.clone();
    for (name, value) in ours {
        let is_changed = base.get(name) != Some(value);
        if is_changed || !theirs.contains_key(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Fields {
        fields(json.as_bytes())
    }

    #[test]
    fn each_devices_change_stays_and_ours_wins_where_both_changed() {
        let base = record(r#"{"a":1,"b":1,"c":1,"d":1}"#);
        let ours = record(r#"{"a":2,"b":1,"c":2,"d":1,"e":5}"#);
        let theirs = record(r#"{"a":1,"b":3,"c":3,"d":1,"later":true}"#);
        let merged = record(r#"{"a":2,"b":3,"c":2,"d":1,"e":5,"later":true}"#);
        assert_eq!(merge(&base, &ours, &theirs), merged);
        assert_eq!(merge(&base, &base, &theirs), theirs);
    }

    #[test]
    fn what_is_no_record_has_no_fields() {
        for bytes in ["", "[]", "7", "{"] {
            assert!(record(bytes).is_empty(), "{bytes}");
        }
    }
}
