//! Array files that are rejected in one line.

use super::*;

#[test]
fn values_that_are_not_finite_are_named() {
    let place = Place::new();
    let at = |index: usize, value: f32, fortran_order: bool| {
        let header = Header { fortran_order, ..header(Dtype::F32, &SHAPE) };
        // A second one follows, which is earlier in the file if the order is Fortran's.
        let wrong = move |k| {
            if k == index {
                value
            } else if k == 957 {
                f32::NAN
            } else {
                0.5
            }
        };
        array(&header, |k| wrong(k).to_le_bytes().to_vec())
    };
    for fortran_order in [false, true] {
        for (value, text) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
            // 100 = ((2 * 4 + 0) * 4 + 1) * 3 + 1.
            let path = place.write("a.npy", &at(100, value, fortran_order));
            assert_fails(&path, &["a.npy", &format!("[2, 0, 1, 1] is {text};"), "nan_to_num"]);
        }
    }
}

#[test]
fn values_of_another_extent_are_rejected() {
    let place = Place::new();
    for (low, high) in [(-1.5, 1.0), (0.0, 300.0), (-20.0, 20.0)] {
        let path = place.write("a.npy", &floats(&SHAPE, |k| if k == 7 { low } else { high }));
        assert_fails(&path, &[&format!("from {low} to {high}"), "[0, 1], [-1, 1] or [0, 255]"]);
    }
}

/// Binary images are saved as booleans, or as 0 and 1. Both would look black.
#[test]
fn binary_images_are_rejected() {
    let place = Place::new();
    let len = SHAPE.iter().product::<usize>();
    let binary: Vec<u8> = (0..len).map(|k| u8::from(k % 3 == 0)).collect();
    assert_fails(&place.write("a.npy", &bytes(&SHAPE, &binary)), &["its values are 0 and 1", "by 255"]);
    let white: Vec<u8> = binary.iter().map(|value| 255 * value).collect();
    load(&place.write("a.npy", &bytes(&SHAPE, &white)), Split::Train, &options()).unwrap();

    let mut boolean = bytes(&SHAPE, &binary);
    let at = boolean.windows(3).position(|code| code == b"|u1").unwrap();
    boolean[at..at + 3].copy_from_slice(b"|b1");
    assert_fails(&place.write("a.npy", &boolean), &["its elements are booleans", "astype('uint8') * 255"]);
}

#[test]
fn shapes_that_are_not_images_are_rejected() {
    let place = Place::new();
    let zeros = |shape: &[usize]| bytes(shape, &vec![0; shape.iter().product()]);
    for (shape, words) in [
        (&[][..], &["its shape is []", "(N, C, H, W)"][..]),
        (&[8], &["its shape is [8]"]),
        (&[8, 16], &["its shape is [8, 16]"]),
        (&[8, 4, 4, 2], &["its shape is [8, 4, 4, 2]", "C = 1 or 3"]),
        (&[2, 2, 4, 4, 3], &["its shape is [2, 2, 4, 4, 3]"]),
        (&[8, 3, 4, 3], &["(N, H, W, C) or (N, C, H, W)", "save grayscale images as (N, H, W)"]),
        (&[0, 4, 4], &["has no images", "[0, 4, 4]"]),
        (&[8, 0, 4], &["has no images"]),
        (&[1, 1, 20_000], &["1 x 20000 pixels", "16384"]),
    ] {
        let path = place.write("a.npy", &zeros(shape));
        assert_fails(&path, words);
    }
    let path = place.write("a.npy", &labels(&[1, 2, 3]));
    assert_fails(&path, &["its shape is [3]"]);
    let integers = array(&header(Dtype::I32, &SHAPE), |_| vec![0; 4]);
    assert_fails(&place.write("a.npy", &integers), &["its elements are int32", "astype('uint8')"]);
}

#[test]
fn one_image_is_rejected() {
    let place = Place::new();
    assert_fails(&place.write("a.npy", &bytes(&[1, 4, 4], &[0; 16])), &["a.npy: it has only one image"]);
    assert_eq!(
        load(&place.write("a.npy", &bytes(&[2, 4, 4], &[0; 32])), Split::Train, &options()).unwrap().labels(),
        [0]
    );
}

#[test]
fn wrong_labels_are_rejected() {
    let place = Place::new();
    let path = place.write("a.npy", &bytes(&SHAPE, &pixels()));
    let with = |index: usize, value: i64| {
        let mut values = vec![0; IMAGES];
        values[index] = value;
        labels(&values)
    };
    let one_hot = array(&header(Dtype::U8, &[IMAGES, 10]), |_| vec![0]);
    for (content, words) in [
        (with(3, -1), &["a.labels.npy", "label number 3 is -1", "from 0 to 65534"][..]),
        (with(19, 65_535), &["label number 19 is 65535"]),
        (with(0, i64::MAX), &["label number 0 is 9223372036854775807"]),
        (labels(&[0; 19]), &["shape of the labels is [19]", "20 images", "shape (20,)"]),
        (labels(&[]), &["shape of the labels is [0]"]),
        (one_hot, &["shape of the labels is [20, 10]"]),
        (floats(&[IMAGES], |_| 0.0), &["the labels are float32", "astype('int64')"]),
        (vec![1, 2, 3], &["a.labels.npy", "ends early"]),
    ] {
        place.write("a.labels.npy", &content);
        assert_fails(&path, words);
    }
    place.write("a.labels.npy", &with(19, 65_534));
    assert_eq!(Arrays::open(&path, &options()).unwrap().classes().unwrap().len(), 65_535);
}

#[test]
fn wrong_files_are_named_on_one_line() {
    let place = Place::new();
    let whole = bytes(&SHAPE, &pixels());
    assert_fails(&place.write("a.npy", &whole[..whole.len() - 1]), &["announces 960 bytes", "959 follow"]);
    assert_fails(&place.write("a.npy", b"RIFF"), &["cannot use ", "a.npy: it ends early"]);
    assert_fails(&place.write("a.npy", b"no array at all"), &["a.npy: it is not a NumPy file"]);
    assert_fails(&place.0.path().join("none.npy"), &["cannot read ", "none.npy"]);
    fs::create_dir(place.0.path().join("folder.npy")).unwrap();
    assert_fails(&place.0.path().join("folder.npy"), &["folder.npy is not a file"]);
    #[cfg(unix)]
    assert_fails(&place.write("two\nlines.npy", b"no array at all"), &["two\\nlines.npy"]);
    let objects = b"\x93NUMPY\x01\x00\x40\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}";
    let objects = [&objects[..], &[b' '; 40]].concat();
    assert_fails(&place.write("a.npy", &objects), &["pickled Python objects"]);
}

/// Another array under the same name between opening and loading.
#[test]
fn a_file_that_changes_is_rejected() {
    let (place, options) = (Place::new(), options());
    for changed in [bytes(&[IMAGES, 4, 12], &pixels()), bytes(&[IMAGES - 1, 4, 4, 3], &pixels()[48..])] {
        let path = place.write("a.npy", &bytes(&SHAPE, &pixels()));
        let source = Arrays::open(&path, &options).unwrap();
        place.write("a.npy", &changed);
        let text = source.load(Split::Train, None).unwrap_err().to_string();
        assert!(text.contains("it changed while it was read"), "{text}");
    }
}
