use std::io::Read;

use flate2::read::GzDecoder;

use super::*;
use sha2::{Digest as _, Sha256};

/// Arrays that NumPy wrote, one after another; `scripts/make_array_fixtures.py` says which.
const ARRAYS: &[u8] = include_bytes!("../fixtures/arrays.npy.gz");

fn open(file: &[u8]) -> Result<Reader<'_>, NpyError> {
    Reader::new(file, file.len() as u64)
}

/// The elements in C order. Every index must occur once.
fn floats(file: &[u8]) -> Vec<f64> {
    let reader = open(file).unwrap();
    let mut values = vec![f64::NAN; reader.header().shape.iter().product()];
    reader.floats(|index, value| assert!(std::mem::replace(&mut values[index], value).is_nan())).unwrap();
    values
}

fn integers(file: &[u8]) -> Vec<i128> {
    let reader = open(file).unwrap();
    let mut values = vec![i128::MAX; reader.header().shape.iter().product()];
    reader.integers(|index, value| values[index] = value).unwrap();
    values
}

/// A file with this header text, padded with a newline, and these elements.
fn file(header: &str, elements: &[u8]) -> Vec<u8> {
    let len = (header.len() as u16 + 1).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), b"\n", elements].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fails unless opening the file fails with one line that has all of `words`.
#[track_caller]
fn assert_rejected(bytes: &[u8], words: &[&str]) {
    let text = open(bytes).err().expect("an error").to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    words.iter().for_each(|word| assert!(text.contains(word), "\"{word}\" is not in: {text}"));
}

#[test]
fn every_array_of_numpy_is_read() {
    let mut bytes = vec![];
    GzDecoder::new(ARRAYS).read_to_end(&mut bytes).unwrap();
    let (mut rest, mut seen) = (&bytes[..], vec![]);
    while !rest.is_empty() {
        let (header, start) = Header::read(&mut &rest[..]).unwrap();
        let version = rest[6];
        let (array, others) = rest.split_at(start as usize + header.data_len().unwrap() as usize);
        rest = others;
        let count: usize = header.shape.iter().product();
        let (step, first) = match header.dtype.code().as_bytes()[0] {
            b'u' => (5.0, 0.0),
            b'i' => (5.0, -60.0),
            _ => (0.25, -1.5),
        };
        let expected: Vec<f64> = (0..count).map(|k| first + step * k as f64).collect();
        assert_eq!(floats(array), expected, "{header:?}");
        if !header.dtype.is_float() {
            assert!(integers(array).iter().zip(&expected).all(|(&i, &f)| i as f64 == f), "{header:?}");
        }
        if header.dtype == Dtype::U8 {
            let mut bytes = vec![0; count];
            open(array).unwrap().to_bytes(Scale::Bytes, 0, &mut bytes).unwrap();
            assert!(bytes.iter().zip(&expected).all(|(&byte, &f)| f64::from(byte) == f), "{header:?}");
            let mut part = vec![0; count.saturating_sub(1)];
            open(array).unwrap().to_bytes(Scale::Bytes, 1, &mut part).unwrap();
            assert_eq!(part, bytes[count - part.len()..]);
        }
        seen.push((header, version));
    }
    assert_eq!(seen.len(), DTYPES.len() * 2 * 2 * 3 * 3);
    for (dtype, ..) in DTYPES {
        for version in 1..=3 {
            // NumPy writes a vector in C order, whatever the order of its memory.
            let of = |fortran, axes| {
                let fits = |(h, v): &&(Header, u8)| {
                    h.dtype == dtype && *v == version && h.fortran_order == fortran && h.shape.len() == axes
                };
                seen.iter().filter(fits).map(|(header, _)| header.big_endian).collect::<Vec<_>>()
            };
            let orders = if dtype.size() == 1 { [false, false] } else { [false, true] };
            assert_eq!((of(false, 3), of(true, 3)), (orders.to_vec(), orders.to_vec()), "{dtype}");
        }
    }
}

/// The digest is that of NumPy's conversion, which `scripts/make_array_fixtures.py` prints.
#[test]
fn every_number_of_16_bits_is_converted_as_numpy_does() {
    let bits: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let mut written = vec![];
    write(&mut written, Dtype::F16, &[1 << 16], [Ok(bits)]).unwrap();
    let mut converted = Vec::new();
    let value = |value: f64| if value.is_nan() { 0.0 } else { value };
    open(&written).unwrap().floats(|_, x| converted.extend(value(x).to_le_bytes())).unwrap();
    assert_eq!(
        hex(&Sha256::digest(&converted)),
        "62dd074b90fef6531d8f6d66a4bb7b109b3e67f4c35521b7d520918eddd6cd97"
    );
}

#[test]
fn what_is_written_is_read() {
    for shape in [&[][..], &[0], &[7], &[2, 0, 3], &[3, 1, 28, 28], &[20_000, 3]] {
        let count: usize = shape.iter().product();
        for (dtype, ..) in DTYPES {
            let bytes = |k: usize| (k as u64 % 100).to_le_bytes()[..dtype.size()].to_vec();
            let parts = (0..count).map(|k| Ok(bytes(k)));
            let mut written = vec![];
            write(&mut written, dtype, shape, parts).unwrap();
            let reader = open(&written).unwrap();
            let header = Header { dtype, big_endian: false, fortran_order: false, shape: shape.to_vec() };
            assert_eq!((reader.header(), header.to_bytes().len() % 64), (&header, 0));
            if !dtype.is_float() {
                let expected: Vec<i128> = (0..count).map(|k| k as i128 % 100).collect();
                assert_eq!(integers(&written), expected);
            }
        }
        let values: Vec<f32> = (0..count).map(|k| k as f32 / 3.0 - 5.0).collect();
        let mut written = vec![];
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        write(&mut written, Dtype::F32, shape, [Ok(bytes)]).unwrap();
        assert_eq!(floats(&written), values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
    }
}

#[test]
fn a_header_says_type_and_shape_and_ends_on_a_boundary() {
    let header =
        Header { dtype: Dtype::F32, big_endian: false, fortran_order: false, shape: vec![3, 1, 28, 28] };
    let head = header.to_bytes();
    assert_eq!(head.len() % 64, 0);
    assert_eq!(&head[..8], b"\x93NUMPY\x01\x00");
    assert_eq!(usize::from(u16::from_le_bytes([head[8], head[9]])), head.len() - 10);
    let text = std::str::from_utf8(&head[10..]).unwrap();
    assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1, 28, 28,), }"));
    assert!(text.ends_with('\n'));
    let turned = Header { dtype: Dtype::I64, big_endian: true, fortran_order: true, shape: vec![] };
    assert_eq!(Header::read(&mut &turned.to_bytes()[..]).unwrap().0, turned);
}

#[test]
#[should_panic(expected = "bytes of float32 [3]")]
fn a_writer_with_too_few_bytes_is_a_bug() {
    write(&mut vec![], Dtype::F32, &[3], [Ok(vec![0; 8])]).unwrap();
}

#[test]
fn extreme_integers_are_exact() {
    let mut written = vec![];
    write(&mut written, Dtype::U64, &[1], [Ok(vec![255; 8])]).unwrap();
    assert_eq!(integers(&written), [i128::from(u64::MAX)]);
    write(&mut Vec::new(), Dtype::I64, &[0], []).unwrap();
    let least = file("{'descr': '>i8', 'fortran_order': True, 'shape': (1,)}", &i64::MIN.to_be_bytes());
    assert_eq!(integers(&least), [i128::from(i64::MIN)]);
}

#[test]
fn headers_of_other_writers_are_read() {
    for text in [
        "{\"descr\": \"<u2\", \"fortran_order\": False, \"shape\": (2, 1)}",
        "{'shape':(2,1,),'fortran_order':False,'descr':'<u2'}",
        "  {'descr': '<u2', 'fortran_order': False,\n 'shape': ( 2 , 1 ) , }   \n  ",
    ] {
        let reader = file(text, &[1, 0, 0, 1]);
        assert_eq!(open(&reader).unwrap().header().shape, [2, 1]);
        assert_eq!(integers(&reader), [1, 256]);
    }
}

#[test]
fn wrong_headers_are_rejected() {
    let with = |descr: &str, order: &str, shape: &str| {
        file(&format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"), &[0; 8])
    };
    assert_eq!(open(&with("'<f4'", "False", "(2,)")).unwrap().header().shape, [2]);
    for (descr, word) in [
        ("'|O'", "pickled"),
        ("'O'", "\"O\""),
        ("[('a', '<f4')]", "structured"),
        ("'|b1'", "its elements are booleans"),
        ("'<c8'", "\"<c8\""),
        ("'<U10'", "\"<U10\""),
        ("'|f4'", "\"|f4\""),
        ("'f4'", "\"f4\""),
        ("'<f16'", "\"<f16\""),
        ("''", "\"\""),
        ("'\n\n\n\n'", "\\n"),
        ("'é'", "é"),
        ("'<f4", "is not"),
        ("'<f\\x34'", "escapes"),
        ("<f4", "a string"),
        ("None", "a string"),
    ] {
        assert_rejected(&with(descr, "False", "(2,)"), &[word]);
    }
    assert_rejected(&with(&format!("'{}'", "z".repeat(60_000)), "False", "(2,)"), &["zzz\", not integers"]);
    for order in ["false", "0", "None", "'False'", ""] {
        assert_rejected(&with("'<f4'", order, "(2,)"), &["True or False"]);
    }
    for shape in ["(2)", "2", "[2]", "(-2,)", "(2.0,)", "(2,,)", "(,)", "(2", "(2L,)", "(2 1)"] {
        assert_rejected(&with("'<f4'", "False", shape), &["byte ", "of its header is not"]);
    }
    assert_rejected(&with("'<f4'", "False", "(18446744073709551616,)"), &["2^64"]);
    for text in [
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} 1",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
        "{'descr', '<f4'}",
        "dict(descr='<f4', fortran_order=False, shape=(2,))",
    ] {
        assert_rejected(&file(text, &[0; 8]), &["byte ", "of its header is not"]);
    }
}

#[test]
fn sizes_are_checked_against_the_length() {
    let of = |shape: &str, len: usize| {
        file(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"), &vec![0; len])
    };
    assert_rejected(&of("(2,)", 7), &["announces 8 bytes", "but 7 follow"]);
    assert_rejected(&of("(2,)", 9), &["announces 8 bytes", "but 9 follow"]);
    assert_rejected(&of("()", 0), &["announces 4 bytes", "but 0 follow"]);
    let huge = usize::MAX;
    assert_rejected(&of(&format!("({huge},)"), 8), &["announces 73786976294838206460 bytes"]);
    assert_rejected(&of(&format!("({huge}, {huge}, {huge})"), 8), &["larger than any file"]);
    assert_rejected(&of(&format!("({})", "2, ".repeat(20_000)), 8), &["larger than any file"]);
    for shape in [format!("({huge}, {huge}, 0)"), format!("(0, {huge}, {huge})"), format!("({huge}, 0)")] {
        assert_rejected(&of(&shape, 0), &["larger than any file"]);
    }
    assert_eq!(floats(&of("(0, 4, 1000000)", 0)), []);
    // 2^64 elements, which is 0 in 64 bits.
    assert_rejected(&of("(4294967296, 4294967296)", 0), &["announces"]);
}

#[test]
fn wrong_starts_are_rejected() {
    let whole = file("{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}", &[9]);
    assert_eq!(floats(&whole), [9.0]);
    for kept in 0..whole.len() - 1 {
        assert_rejected(&whole[..kept], &["it ends early"]);
    }
    assert_rejected(&whole[..whole.len() - 1], &["but 0 follow"]);
    assert_rejected(b"PK\x03\x04 a zip archive", &["not a NumPy file"]);
    for (version, text) in [([0, 0], "0.0"), ([4, 0], "4.0"), ([1, 1], "1.1")] {
        assert_rejected(&[b"\x93NUMPY", &version[..], &whole[8..]].concat(), &[text]);
    }
    let long = |len: u32| [b"\x93NUMPY\x02\x00", &len.to_le_bytes()[..], &vec![b' '; 1 << 17]].concat();
    assert_rejected(&long(MAX_HEADER), &["is not the start of a dict"]);
    assert_rejected(&long(MAX_HEADER + 1), &["65537 bytes, more than 65536"]);
    assert_rejected(&long(u32::MAX), &["more than 65536"]);
}

/// A file that changes while it is read: the elements have another length than at the start.
#[test]
fn a_stream_of_another_length_is_rejected() {
    let whole = file("{'descr': '|u1', 'fortran_order': False, 'shape': (3,)}", &[1, 2, 3]);
    let read = |bytes: &[u8]| Reader::new(bytes, whole.len() as u64).unwrap().floats(|_, _| ());
    read(&whole).unwrap();
    assert!(matches!(read(&whole[..whole.len() - 1]), Err(NpyError::CutShort)));
    assert!(matches!(read(&[&whole[..], b"!"].concat()), Err(NpyError::Length { announced: 3, .. })));
}

/// The bytes of a part of the values at a time are those of all values.
#[test]
fn bytes_are_read_in_parts() {
    let count = 20_000;
    for (dtype, size) in [(Dtype::U8, 1), (Dtype::U16, 2), (Dtype::F32, 4)] {
        let value = |k: usize| match dtype {
            Dtype::F32 => ((k % 251) as f32).to_le_bytes().to_vec(),
            _ => ((k % 251) as u64).to_le_bytes()[..size].to_vec(),
        };
        let mut written = vec![];
        write(&mut written, dtype, &[count], (0..count).map(|k| Ok(value(k)))).unwrap();
        let mut reader = open(&written).unwrap();
        let mut bytes = vec![0; count];
        let (first, rest) = bytes.split_at_mut(9000);
        reader.next_bytes(Scale::Bytes, first).unwrap();
        reader.next_bytes(Scale::Bytes, rest).unwrap();
        reader.finish().unwrap();
        assert!(bytes.iter().enumerate().all(|(k, &byte)| byte == (k % 251) as u8), "{dtype}");
        let with_more = [&written[..], b"!"].concat();
        let mut longer = Reader::new(&with_more[..], written.len() as u64).unwrap();
        longer.next_bytes(Scale::Bytes, &mut bytes).unwrap();
        assert!(matches!(longer.finish(), Err(NpyError::Length { .. })));
        let mut shorter = Reader::new(&written[..written.len() - 1], written.len() as u64).unwrap();
        assert!(matches!(shorter.next_bytes(Scale::Bytes, &mut bytes), Err(NpyError::CutShort)));
    }
}

#[test]
#[should_panic(expected = "4 values of 3")]
fn more_values_than_are_left_are_a_bug() {
    let mut written = vec![];
    write(&mut written, Dtype::U8, &[3], [Ok(vec![0; 3])]).unwrap();
    let _ = open(&written).unwrap().next_bytes(Scale::Bytes, &mut [0; 4]);
}
