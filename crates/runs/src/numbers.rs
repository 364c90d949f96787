//! Converts numbers of the safetensors types to `f32`.

use safetensors::Dtype;

/// Reads numbers from little-endian bytes and writes the nearest `f32` of each number.
pub(crate) type Convert = fn(&[u8], &mut [f32]);

/// Returns the conversion from a type to `f32`. Returns `None` if there is no such conversion.
pub(crate) fn converter(dtype: Dtype) -> Option<Convert> {
    fn each<const N: usize>(bytes: &[u8], values: &mut [f32], number: impl Fn([u8; N]) -> f32) {
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = number(*bytes);
        }
    }
    Some(match dtype {
        Dtype::F32 => |bytes, values| each(bytes, values, f32::from_le_bytes),
        Dtype::F64 => |bytes, values| each(bytes, values, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => |bytes, values| each(bytes, values, |b| half(u16::from_le_bytes(b))),
        Dtype::BF16 => |bytes, values| each(bytes, values, |[a, b]| f32::from_le_bytes([0, 0, a, b])),
        Dtype::I64 => |bytes, values| each(bytes, values, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => |bytes, values| each(bytes, values, |b| i32::from_le_bytes(b) as f32),
        Dtype::I16 => |bytes, values| each(bytes, values, |b| i16::from_le_bytes(b).into()),
        Dtype::I8 => |bytes, values| each(bytes, values, |b| i8::from_le_bytes(b).into()),
        Dtype::U64 => |bytes, values| each(bytes, values, |b| u64::from_le_bytes(b) as f32),
        Dtype::U32 => |bytes, values| each(bytes, values, |b| u32::from_le_bytes(b) as f32),
        Dtype::U16 => |bytes, values| each(bytes, values, |b| u16::from_le_bytes(b).into()),
        Dtype::U8 | Dtype::BOOL => |bytes, values| each(bytes, values, |[b]| b.into()),
        _ => return None,
    })
}

/// Converts the bits of an IEEE 754 binary16 number. The conversion to `f32` is exact.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction as f32 / (1 << 24) as f32,
        31 => f32::from_bits(0xff << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 127 - 15) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let found = f64::from(half(bits));
            match exponent {
                0 => assert_eq!(found.to_bits(), (sign * fraction * 2f64.powi(-14)).to_bits()),
                31 if fraction == 0.0 => assert_eq!(found, sign * f64::INFINITY),
                31 => assert!(found.is_nan()),
                _ => assert_eq!(found, sign * (1.0 + fraction) * 2f64.powi(exponent - 15)),
            }
        }
    }
}
