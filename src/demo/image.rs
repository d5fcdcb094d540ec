//! Pictures: kept byte for byte as long as they are not too large, each with its row of `ir.attachment`.
//!
//! Deliberately absent: Odoo's smaller copies (`image_1024` and the like), and the shrinking of what is larger than 1920.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fault::Fault;
use super::schema::{Field, Model};
use super::table::{Database, Row};
use super::wire::Value;

/// Whether a field holds a picture.
pub fn is_picture(field: &Field) -> bool {
    field.type_name == "binary" && field.store
}

/// What a picture is kept as: text of base64, or nothing. What is no picture is refused in Odoo's words.
pub fn kept(value: &Value) -> Result<Value, Fault> {
    let Some(text) = value.as_str() else { return Ok(Value::FALSE) };
    // Odoo drops what is not of the alphabet before it decodes.
    let clean: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).collect();
    let bytes = STANDARD.decode(&clean).map_err(|_| Fault::exception("binascii.Error: Incorrect padding"))?;
    match bytes.is_empty() {
        true => Ok(Value::FALSE),
        false if mimetype(&bytes).is_some() => Ok(Value::Str(Arc::from(clean))),
        false => Err(Fault::user("This file could not be decoded as an image file.")),
    }
}

fn mimetype(bytes: &[u8]) -> Option<&'static str> {
    let starts = [(&b"\x89PNG\r\n"[..], "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp")];
    starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| *kind)
}

/// How a picture reads under `bin_size`.
pub fn size_text(value: &Value) -> Value {
    let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok()) else { return Value::FALSE };
    let (mut size, mut unit) = (bytes.len() as f64, 0);
    let units = ["bytes", "Kb", "Mb", "Gb"];
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    Value::from(format!("{size:.2} {}", units[unit]))
}

/// The attachment of a record's picture.
fn attachment(db: &Database, model: &Model, id: i64, field: &str) -> Option<i64> {
    let of = db.model("ir.attachment")?;
    let (table, column) = (db.table(of)?, of.column("res_id")?);
    let fits = |id: &i64, name: &str, text: &str| db.stored("ir.attachment", *id, name).as_str() == Some(text);
    table.pointing_to(column, id)?.find(|id| fits(id, "res_model", &model.name) && fits(id, "res_field", field))
}

/// Brings the attachments of a record in line with its pictures.
pub fn after(db: &mut Database, model: &'static Model, id: i64, written: &[&str]) {
    for field in model.fields.iter().filter(|field| is_picture(field) && written.contains(&field.name.as_str())) {
        let picture = db.stored(&model.name, id, &field.name);
        let bytes = picture.as_str().and_then(|text| STANDARD.decode(text).ok());
        let known = attachment(db, model, id, &field.name);
        let Some(of) = db.model("ir.attachment") else { return };
        match bytes {
            Some(bytes) => {
                let at = known.unwrap_or_else(|| db.allocate(of));
                let mut row = db.row(of, at).cloned().unwrap_or_default();
                describe(db, of, &mut row, (model, id, &field.name), &bytes);
                db.put(of, at, Some(row));
            }
            None => {
                if let Some(at) = known {
                    db.put(of, at, None);
                }
            }
        }
    }
}

fn describe(db: &Database, of: &Model, row: &mut Row, (model, id, field): (&Model, i64, &str), bytes: &[u8]) {
    for (name, value) in [
        ("name", Value::from(field)),
        ("res_model", Value::from(model.name.as_str())),
        ("res_field", Value::from(field)),
        ("res_id", Value::Int(id)),
        ("type", "binary".into()),
        ("checksum", sha1(bytes).into()),
        ("file_size", Value::Int(bytes.len() as i64)),
        ("mimetype", mimetype(bytes).into()),
        ("create_date", Value::Time(db.now)),
        ("write_date", Value::Time(db.now)),
        ("create_uid", Value::Int(1)),
        ("write_uid", Value::Int(1)),
    ] {
        if let Some(column) = of.column(name) {
            row.set(column, value);
        }
    }
}

/// Takes the pictures of a record that is deleted along.
pub fn forget(db: &mut Database, model: &'static Model, id: i64) {
    let fields: Vec<&str> = model.fields.iter().filter(|field| is_picture(field)).map(|field| field.name.as_str()).collect();
    for field in fields {
        if let (Some(at), Some(of)) = (attachment(db, model, id, field), db.model("ir.attachment")) {
            db.put(of, at, None);
        }
    }
}

/// The SHA-1 of some bytes in hexadecimal: what Odoo calls the checksum of an attachment.
pub fn sha1(bytes: &[u8]) -> String {
    let mut state: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((bytes.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, four) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = four.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for at in 16..80 {
            words[at] = (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mixed, constant) = match round / 20 {
                0 => ((b & c) | (!b & d), 0x5A82_7999),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, value) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(value);
        }
    }
    state.iter().fold(String::new(), |mut text, word| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{word:08x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(sha1(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(sha1(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sha1(&[b'a'; 1000]), "291e9a6c66994949b57ba5e650361e98fc36b1ba");
    }

    #[test]
    fn sizes_read_as_odoo_writes_them() {
        let text = |size: usize| size_text(&Value::from(STANDARD.encode(vec![0; size])));
        assert_eq!(text(638), "638.00 bytes".into());
        assert_eq!(text(2048), "2.00 Kb".into());
        assert_eq!(size_text(&Value::FALSE), Value::FALSE);
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(kept(&STANDARD.encode("hello").into()).is_err());
        assert_eq!(kept(&"@@@".into()), Ok(Value::FALSE));
        assert!(kept(&STANDARD.encode(b"\x89PNG\r\n\x1a\n").into()).is_ok_and(|kept| kept.truthy()));
    }
}
