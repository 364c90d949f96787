//! Archives of arrays.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// An archive with these members.
fn archive(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(vec![]));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub(super) fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    archive(CompressionMethod::Stored, members)
}

/// Returns the positions of a sequence of bytes.
fn find(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let found = bytes.windows(wanted.len()).enumerate().filter(|(_, window)| *window == wanted);
    found.map(|(at, _)| at).collect()
}

#[test]
fn archives_of_numpy_are_read() {
    let place = Place::new();
    for content in [
        &include_bytes!("../../../fixtures/savez.npz")[..],
        include_bytes!("../../../fixtures/savez_compressed.npz"),
    ] {
        let path = place.write("faces.npz", content);
        let options = Options { image_size: 4, test_fraction: 0.0, ..Options::default() };
        let source = Arrays::open(&path, &options).unwrap();
        assert_eq!((source.classes().unwrap().len(), source.channels()), (8, 3));
        let train = source.load(Split::Train, None).unwrap();
        let order = order(&*train, Split::Train);
        assert!(order.iter().map(|&index| [7, 0][index as usize]).eq(train.labels().iter().copied()));
        // The images have five columns. The crop keeps the first four.
        let all: Vec<u8> = (0..120).map(|k| 2 * k).collect();
        let cropped: Vec<u8> = all.chunks_exact(15).flat_map(|row| row[..12].to_vec()).collect();
        assert_eq!(both_splits(&path, &options, 3).0, cropped);
    }
}

/// The arrays are chosen by shape, then by name.
#[test]
fn images_and_labels_are_found() {
    let place = Place::new();
    let (pixels, empty) = (pixels(), vec![0; IMAGES * 48]);
    let (real, other) = (bytes(&SHAPE, &pixels), bytes(&SHAPE, &empty));
    let classes = labels(&[1; IMAGES]);
    let (short, names) = (labels(&[5; 3]), b"\x93NUMPY no numbers".as_slice());
    for (members, has_labels) in [
        (&[("arr_0.npy", &real[..])][..], false),
        (&[("anything.npy", &real), ("notes.txt", b"text"), ("short.npy", &short)], false),
        (&[("arr_0.npy", &real), ("arr_1.npy", &classes)], true),
        (&[("x.npy", &real), ("y.npy", &classes), ("names.npy", names)], true),
        (&[("masks.npy", &other), ("images.npy", &real), ("ids.npy", &classes)], true),
        (&[("masks.npy", &other), ("data.npy", &real), ("ids.npy", &classes), ("label.npy", &classes)], true),
    ] {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let path = place.write("a.npz", &archive(method, members));
            let source =
                Arrays::open(&path, &options()).map(|source| source.classes().unwrap().len()).unwrap();
            assert_eq!(source, if has_labels { 2 } else { 0 }, "{members:?}");
            assert_eq!(both_splits(&path, &options(), 3).0, pixels, "{members:?}");
        }
    }
}

/// MedMNIST has a validation split, and other archives have masks. A note names what is not used.
#[test]
fn arrays_that_are_not_used_are_named() {
    let place = Place::new();
    let real = bytes(&SHAPE, &pixels());
    let notes = |members: &[(&str, &[u8])]| {
        let path = place.write("a.npz", &stored(members));
        load(&path, Split::Train, &options()).unwrap().notes().join("\n")
    };
    let text = notes(&[("train_images.npy", &real), ("val_images.npy", &real), ("test_images.npy", &real)]);
    assert!(text.ends_with("; not used: \"val_images\""), "{text}");
    let text = notes(&[("masks.npy", &real), ("images.npy", &real), ("depth.npy", &real)]);
    assert!(text.ends_with("; not used: \"masks\", \"depth\""), "{text}");
    let text = notes(&[("images.npy", &real)]);
    assert!(text.ends_with("images are \"images\" without labels"), "{text}");
}

/// A class that only test images have cannot be learnt. A fraction of test images has no effect if
/// there are test images.
#[test]
fn notes_name_what_the_splits_make_useless() {
    let place = Place::new();
    let (real, of_train) = (bytes(&SHAPE, &pixels()), labels(&[0; IMAGES]));
    let notes = |in_test: i64, options: &Options| {
        let of_test = labels(&[in_test; IMAGES]);
        let members: [(&str, &[u8]); 4] = [
            ("x_train.npy", &real),
            ("y_train.npy", &of_train),
            ("x_test.npy", &real),
            ("y_test.npy", &of_test),
        ];
        let path = place.write("a.npz", &stored(&members));
        load(&path, Split::Train, options).unwrap().notes()[1..].join("\n")
    };
    let text = notes(1, &options());
    assert!(text.contains("1 of 2 classes have no training image, the first is 1;"), "{text}");
    let text = notes(2, &options());
    assert!(text.contains("1 of 3 classes have no image, the first is 1;"), "{text}");
    assert_eq!(notes(0, &options()), "");
    let text = notes(0, &Options { test_fraction: 0.3, ..options() });
    assert_eq!(text, "--test-fraction is not used, because the dataset has a test split");
}

#[test]
fn ambiguous_archives_list_what_they_have() {
    let place = Place::new();
    let image = bytes(&[2, 4, 4], &[0; 32]);
    let (classes, floats) = (labels(&[0, 1]), floats(&[2], |_| 0.0));
    let names = b"\x93NUMPY no numbers".as_slice();
    for (members, words) in [
        (&[][..], &["none of its arrays", "no arrays"][..]),
        (&[("y.npy", &classes[..])], &["none of its arrays", "\"y\" int64 [2]"]),
        (&[("images.npy", names)], &["none of its arrays", "\"images\" (it"]),
        (
            &[("a.npy", &image), ("b.npy", &image)],
            &["several of its arrays can be the images", "\"a\" uint8 [2, 4, 4], \"b\" uint8 [2, 4, 4]"],
        ),
        (&[("x.npy", &image), ("data.npy", &image)], &["can be the images"]),
        (&[("x.npy", &image), ("a.npy", &classes), ("b.npy", &classes)], &["can be the labels"]),
        (&[("x.npy", &image), ("y.npy", &classes), ("label.npy", &classes)], &["can be the labels"]),
        (
            &[("x_train.npy", &image), ("x_test.npy", &image), ("y_test.npy", &classes)],
            &["only one of its splits has labels", "\"y_test\" int64 [2]"],
        ),
        (
            &[
                ("x_train.npy", &image),
                ("y_train.npy", &classes),
                ("x_test.npy", &image),
                ("y_test.npy", &classes),
                ("ids_test.npy", &classes),
            ],
            &["can be the labels", "\"ids_test\""],
        ),
        (&[("x.npy", &image), ("y.npy", &floats)], &["array \"y\"", "the labels are float32"]),
        (&[("x.npy", &image), ("labels.npy", names)], &["array \"labels\"", "format version"]),
    ] {
        assert_fails(&place.write("a.npz", &stored(members)), words);
    }
    let many: Vec<(String, &[u8])> = (0..100).map(|k| (format!("{k}\n.npy"), &image[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (&name[..], *content)).collect();
    assert_fails(&place.write("a.npz", &stored(&many)), &["\"0\\n\" uint8", "and 88 more"]);
}

#[test]
fn damaged_archives_are_rejected() {
    let place = Place::new();
    let whole = archive(CompressionMethod::Deflated, &[("x.npy", &bytes(&SHAPE, &pixels()))]);
    for content in [&b""[..], b"no archive", &whole[..whole.len() - 10], &whole[..whole.len() / 2]] {
        assert_fails(&place.write("a.npz", content), &["cannot use ", "a.npz", "numpy.savez"]);
    }
    // A wrong byte of the pixels is found by the checksum or by the decoder.
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let mut content = archive(method, &[("x.npy", &bytes(&SHAPE, &pixels()))]);
        let middle = content.len() / 2;
        content[middle] ^= 0x55;
        assert_fails(&place.write("a.npz", &content), &["cannot use ", "a.npz", "\"x\"", "is damaged"]);
    }
}

/// Encryption and methods of compression other than deflate are in fields of two bytes in the local
/// and in the central header of a member.
#[test]
fn encrypted_and_unknown_members_are_rejected() {
    let place = Place::new();
    let whole = stored(&[("x.npy", &bytes(&SHAPE, &pixels()))]);
    let [local, central] = [b"PK\x03\x04", b"PK\x01\x02"].map(|magic| find(&whole, magic)[0]);
    for (offset, value, word) in [(6, 1, "encrypted"), (8, 12, "not deflate"), (8, 99, "")] {
        let mut content = whole.clone();
        content[local + offset] = value;
        content[central + offset + 2] = value;
        assert_fails(&place.write("a.npz", &content), &["a.npz", word]);
    }
}

/// An array that is larger than its compressed bytes can be, an array that announces more bytes
/// than the archive, and an archive that announces more bytes than the array.
#[test]
fn bombs_are_not_unpacked() {
    let place = Place::new();
    let huge = header(Dtype::U8, &[1 << 20, 128, 128, 3]).to_bytes();
    assert_fails(
        &place.write("a.npz", &stored(&[("x.npy", &huge)])),
        &["\"x\"", "announces 51539607552 bytes"],
    );

    let small = stored(&[("x.npy", &bytes(&SHAPE, &pixels()))]);
    let central = find(&small, b"PK\x01\x02")[0];
    for (size, word) in
        [(0xf000_0000_u32, "not possible"), (2000, "announces 960 bytes of elements but 1872")]
    {
        let mut content = small.clone();
        content[central + 24..][..4].copy_from_slice(&size.to_le_bytes());
        assert_fails(&place.write("a.npz", &content), &["\"x\"", word]);
    }
    // The deflated member of 4 MB of zeros is a thousandth of that. It is read, for the header and
    // the size in the archive agree.
    let zeros = bytes(&[40, 1000, 100], &vec![0; 4_000_000]);
    let packed = archive(CompressionMethod::Deflated, &[("x.npy", &zeros)]);
    assert!(packed.len() < 6000);
    let path = place.write("a.npz", &packed);
    assert_eq!(load(&path, Split::Train, &options()).unwrap().labels().len() / 10, 3);
    let mut content = packed.clone();
    let central = find(&content, b"PK\x01\x02")[0];
    let more = (zeros.len() as u32 * 2).to_le_bytes();
    content[central + 24..][..4].copy_from_slice(&more);
    assert_fails(&place.write("a.npz", &content), &["\"x\"", "not possible"]);
}

#[test]
fn a_note_says_which_arrays_were_taken() {
    let place = Place::new();
    let (real, classes) = (bytes(&SHAPE, &pixels()), labels(&[1; IMAGES]));
    let notes = |members: &[(&str, &[u8])]| {
        let path = place.write("a.npz", &stored(members));
        load(&path, Split::Train, &options()).unwrap().notes().join("\n")
    };
    let text = notes(&[("faces.npy", &real), ("ids.npy", &classes)]);
    assert!(text.contains("a.npz: images are \"faces\" with the labels \"ids\""), "{text}");
    let text = notes(&[("faces.npy", &real)]);
    assert!(text.contains("images are \"faces\" without labels"), "{text}");
}

/// The names of Keras and of MedMNIST, whose labels are a column.
#[test]
fn archives_with_both_splits_are_read() {
    let place = Place::new();
    let shape = [3, SHAPE[1], SHAPE[2], SHAPE[3]];
    let (all, few) = (pixels(), pixels()[..3 * 48].to_vec());
    let (train, test) = (bytes(&SHAPE, &all), bytes(&shape, &few));
    let column = |values: &[i64]| {
        array(&header(Dtype::I64, &[values.len(), 1]), |index| values[index].to_le_bytes().to_vec())
    };
    let of_train = column(&std::array::from_fn::<_, IMAGES, _>(|index| (index % 2) as i64));
    let of_test = column(&[2, 0, 1]);
    let validation = bytes(&shape, &[9; 3 * 48]);
    for members in [
        &[
            ("x_train.npy", &train),
            ("y_train.npy", &of_train),
            ("x_test.npy", &test),
            ("y_test.npy", &of_test),
        ][..],
        &[
            ("train_images.npy", &train),
            ("val_images.npy", &validation),
            ("test_images.npy", &test),
            ("train_labels.npy", &of_train),
            ("val_labels.npy", &of_test),
            ("test_labels.npy", &of_test),
        ],
    ] {
        let members: Vec<(&str, &[u8])> =
            members.iter().map(|&(name, content)| (name, &content[..])).collect();
        let path = place.write("a.npz", &stored(&members));
        let options = options();
        let source = Arrays::open(&path, &options).unwrap();
        assert_eq!(source.classes().unwrap(), ["0", "1", "2"]);
        let [in_train, in_test] = [Split::Train, Split::Test].map(|split| source.load(split, None).unwrap());
        assert_eq!((in_train.labels().len(), in_test.labels().len()), (IMAGES, 3));
        assert_eq!(both_splits(&path, &options, 3).0, [&all[..], &few].concat());
        let order = order(&*in_test, Split::Test);
        let labels = order.iter().map(|&index| [2, 0, 1][index as usize - IMAGES]);
        assert!(labels.eq(in_test.labels().iter().copied()));
        let text = &in_test.notes()[0];
        assert!(text.contains("test images are \"") && !text.contains("without labels"), "{text}");
    }

    let smaller = bytes(&[3, 2, 2, 3], &[0; 36]);
    let content = stored(&[("x_train.npy", &train), ("x_test.npy", &smaller)]);
    assert_fails(
        &place.write("a.npz", &content),
        &["\"x_test\"", "height, width and channels of the training"],
    );
    let many = stored(&[("x_train.npy", &train), ("x_train_2.npy", &train), ("x_test.npy", &test)]);
    assert_fails(&place.write("a.npz", &many), &["several of its arrays can be the images"]);
}

/// The scale of floating-point numbers is that of both splits together.
#[test]
fn both_splits_have_one_scale() {
    let place = Place::new();
    let content = stored(&[
        ("x_train.npy", &floats(&[2, 2, 2], |index| if index == 0 { -1.0 } else { 0.5 })),
        ("x_test.npy", &floats(&[2, 2, 2], |_| 1.0)),
    ]);
    let path = place.write("a.npz", &content);
    let options = Options { image_size: 2, ..options() };
    let test = Arrays::open(&path, &options).unwrap().load(Split::Test, None).unwrap();
    assert_eq!(images(&*test, 1), [255; 8]);
    let text = test.notes().join("\n");
    assert!(text.contains("values from -1 to 1 are taken as black to white in [-1, 1]"), "{text}");
}
