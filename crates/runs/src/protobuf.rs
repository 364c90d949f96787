//! Protocol buffers, written field by field.
//!
//! ONNX files and TensorBoard's event files are protocol buffers. They need few messages, so their
//! writers name the fields by their numbers instead of deriving code from a schema. The encodings
//! are those of the crate `prost`.

use prost::encoding::{
    DecodeContext, WireType, bytes, decode_key, decode_varint, double, float, int64, skip_field, string,
};

/// A message that is written.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Returns the message without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an integer: a field of type int64, int32, an enum or bool.
    #[must_use]
    pub fn int(mut self, field: u32, value: i64) -> Self {
        int64::encode(field, &value, &mut self.0);
        self
    }

    /// Adds a field of type float.
    #[must_use]
    pub fn float(mut self, field: u32, value: f32) -> Self {
        float::encode(field, &value, &mut self.0);
        self
    }

    /// Adds a field of type double.
    #[must_use]
    pub fn double(mut self, field: u32, value: f64) -> Self {
        double::encode(field, &value, &mut self.0);
        self
    }

    /// Adds a field of type string.
    #[must_use]
    pub fn text(mut self, field: u32, value: &str) -> Self {
        string::encode(field, &value.to_owned(), &mut self.0);
        self
    }

    /// Adds a field of type bytes.
    #[must_use]
    pub fn bytes(mut self, field: u32, value: Vec<u8>) -> Self {
        bytes::encode(field, &value, &mut self.0);
        self
    }

    /// Adds a field that is a message.
    #[must_use]
    pub fn message(self, field: u32, value: Message) -> Self {
        self.bytes(field, value.0)
    }

    /// Adds a repeated field of messages.
    #[must_use]
    pub fn messages(self, field: u32, values: impl IntoIterator<Item = Message>) -> Self {
        values.into_iter().fold(self, |message, value| message.message(field, value))
    }

    /// Adds a repeated field of integers.
    #[must_use]
    pub fn ints(self, field: u32, values: impl IntoIterator<Item = i64>) -> Self {
        values.into_iter().fold(self, |message, value| message.int(field, value))
    }

    /// Adds a packed repeated field of type double.
    #[must_use]
    pub fn doubles(mut self, field: u32, values: &[f64]) -> Self {
        double::encode_packed(field, values, &mut self.0);
        self
    }

    /// Returns the bytes of the message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Returns the first field of a message that is an integer and has this number.
pub(crate) fn int(message: &[u8], field: u32) -> Option<u64> {
    let mut rest = message;
    while !rest.is_empty() {
        let (number, kind) = decode_key(&mut rest).ok()?;
        if number == field && kind == WireType::Varint {
            return decode_varint(&mut rest).ok();
        }
        skip_field(kind, number, &mut rest, DecodeContext::default()).ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the documentation of protocol buffers, "Encoding": an integer 150 in field
    /// 1, the string "testing" in field 2, and the first message in field 3.
    #[test]
    fn fields_are_encoded_as_the_format_says() {
        let number = Message::new().int(1, 150);
        assert_eq!(number.clone().into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!([1, 2].map(|field| int(&number.clone().into_bytes(), field)), [Some(150), None]);
        let later = Message::new().double(1, 0.5).text(2, "x").int(3, 7).into_bytes();
        assert_eq!([2, 3].map(|field| int(&later, field)), [None, Some(7)]);
        assert_eq!(int(&later[..4], 3), None, "a message that ends early");
        let text = Message::new().text(2, "testing").into_bytes();
        assert_eq!(text, [&[0x12, 0x07], &b"testing"[..]].concat());
        assert_eq!(Message::new().message(3, number).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        // A negative number has ten bytes of seven bits.
        let negative = Message::new().int(1, -1).into_bytes();
        assert_eq!(negative, [&[0x08][..], &[0xff; 9], &[0x01]].concat());
        assert_eq!(Message::new().float(1, 1.0).into_bytes(), [0x0d, 0, 0, 0x80, 0x3f]);
        assert_eq!(Message::new().ints(4, [3, 5]).into_bytes(), [0x20, 3, 0x20, 5]);
        let packed = Message::new().doubles(5, &[1.0]).into_bytes();
        assert_eq!(packed, [0x2a, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    }
}
