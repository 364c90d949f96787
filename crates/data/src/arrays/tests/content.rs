//! Arrays that are read.

use super::*;

/// The bytes of a floating-point number.
fn encode(dtype: Dtype, value: f64) -> Vec<u8> {
    match dtype {
        Dtype::F32 => (value as f32).to_le_bytes().to_vec(),
        Dtype::F64 => value.to_le_bytes().to_vec(),
        _ => panic!("{dtype}"),
    }
}

/// The index in (N, H, W, C) of an element of (N, C, H, W).
fn of_planes(index: usize) -> usize {
    let (image, at) = (index / 48, index % 48);
    image * 48 + at % 16 * 3 + at / 16
}

/// What the dataset tells its user.
fn notes(path: &Path) -> Vec<String> {
    load(path, Split::Train, &options()).unwrap().notes().to_vec()
}

/// The same images in every layout, order and type are the same dataset.
#[test]
fn every_layout_and_type_has_the_same_images() {
    let (place, pixels, options) = (Place::new(), pixels(), options());
    let interleaved = place.write("u8.npy", &bytes(&SHAPE, &pixels));
    let (expected, fingerprint) = both_splits(&interleaved, &options, 3);
    assert_eq!(expected, pixels);
    assert_eq!(notes(&interleaved), [""; 0]);

    for (shape, is_planar) in [(SHAPE, false), ([IMAGES, 3, 4, 4], true)] {
        let pixel = |index: usize| pixels[if is_planar { of_planes(index) } else { index }];
        for fortran_order in [false, true] {
            let header = Header { fortran_order, ..header(Dtype::U8, &shape) };
            let path = place.write("array.npy", &array(&header, |index| vec![pixel(index)]));
            assert_eq!(both_splits(&path, &options, 3), (pixels.clone(), fingerprint.clone()), "{header:?}");
            for dtype in [Dtype::F32, Dtype::F64] {
                for (scale, range) in [(255.0, "[0, 1]"), (127.5, "[-1, 1]"), (1.0, "[0, 255]")] {
                    let shift = if range == "[-1, 1]" { 1.0 } else { 0.0 };
                    let header = Header { dtype, big_endian: fortran_order, ..header.clone() };
                    let value = |index| encode(dtype, f64::from(pixel(index)) / scale - shift);
                    let path = place.write("array.npy", &array(&header, value));
                    let context = format!("{header:?} {range}");
                    assert_eq!(
                        both_splits(&path, &options, 3),
                        (pixels.clone(), fingerprint.clone()),
                        "{context}"
                    );
                    let notes = notes(&path);
                    assert!(notes.len() == 1 && notes[0].contains(range), "{context}: {notes:?}");
                }
            }
        }
    }
}

/// The fingerprint depends on image settings, pixels, labels and splits.
#[test]
fn the_fingerprint_covers_settings_pixels_labels_and_splits() {
    let (place, mut changed) = (Place::new(), pixels());
    let path = place.write("a.npy", &bytes(&SHAPE, &changed));
    let fingerprint = |options: &Options| load(&path, Split::Test, options).unwrap().fingerprint().unwrap();
    let mut seen = vec![fingerprint(&options())];
    let changed_options = [
        Options { test_fraction: 0.5, ..options() },
        Options { image_size: 5, ..options() },
        Options { channels: Some(1), ..options() },
        Options { fit: Some(FitMode::Stretch), ..options() },
        Options { background: [255, 255, 254], ..options() },
    ];
    seen.extend(changed_options.iter().map(&fingerprint));
    for classes in [1, 2] {
        let values: Vec<i64> = (0..IMAGES as i64).map(|index| index % classes).collect();
        place.write("a.labels.npy", &labels(&values));
        seen.push(fingerprint(&options()));
    }
    fs::remove_file(path.with_extension("labels.npy")).unwrap();
    assert_eq!(fingerprint(&options()), seen[0]);
    changed[IMAGES * 48 - 1] ^= 1;
    place.write("a.npy", &bytes(&SHAPE, &changed));
    seen.push(fingerprint(&options()));
    for (index, one) in seen.iter().enumerate() {
        assert!(!seen[..index].contains(one), "fingerprint {index} of {seen:?}");
    }
}

#[test]
fn labels_are_read_from_the_file_beside() {
    let place = Place::new();
    let path = place.write("faces.npy", &bytes(&SHAPE, &pixels()));
    let without = Arrays::open(&path, &options()).unwrap().classes().unwrap();
    assert_eq!(without, [""; 0], "no labels, no classes");
    assert_eq!(load(&path, Split::Train, &options()).unwrap().labels()[..3], [0; 3]);

    // Classes 0 to 3, and 2 has no image.
    let values: Vec<i64> = (0..IMAGES as i64).map(|index| [0, 1, 3][index as usize % 3]).collect();
    place.write("faces.labels.npy", &labels(&values));
    let options = options();
    let source = Arrays::open(&path, &options).unwrap();
    assert_eq!(source.classes().unwrap(), ["0", "1", "2", "3"]);
    let [train, test] = [Split::Train, Split::Test].map(|split| source.load(split, None).unwrap());
    for class in [0, 1, 3] {
        assert!(test.labels().contains(&class), "a test image of class {class}");
    }
    assert_eq!(train.labels().len() + test.labels().len(), IMAGES);
    let list = train.file_list().unwrap();
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines.len(), IMAGES);
    let in_test: Vec<u16> =
        order(&*test, Split::Test).iter().map(|&index| values[index as usize] as u16).collect();
    assert_eq!(in_test, test.labels());
    assert!(lines.iter().all(|line| line[1] == values[line[3].parse::<usize>().unwrap()].to_string()));
    assert!(
        lines.iter().enumerate().all(|(index, line)| line[2].len() == 16 && line[3] == index.to_string())
    );

    for (dtype, size) in [(Dtype::U8, 1), (Dtype::I8, 1), (Dtype::I16, 2), (Dtype::U32, 4), (Dtype::U64, 8)] {
        let little = |index: usize| values[index].to_le_bytes()[..size].to_vec();
        place.write("faces.labels.npy", &array(&header(dtype, &[IMAGES]), little));
        assert_eq!(
            Arrays::open(&path, &options).unwrap().labels().unwrap(),
            source.labels().unwrap(),
            "{dtype}"
        );
    }
}

/// Appended images do not move others to another split.
#[test]
fn splits_stay_when_images_are_appended() {
    let (place, options) = (Place::new(), options());
    let tests_of = |images: usize| {
        let path = place.write("a.npy", &bytes(&[images, 4, 4], &vec![0; images * 16]));
        let list = load(&path, Split::Train, &options).unwrap().file_list().unwrap();
        list.lines().map(|line| line.starts_with("test")).collect::<Vec<_>>()
    };
    let (few, many) = (tests_of(1000), tests_of(3000));
    assert_eq!(many[..1000], few);
    assert!((200..400).contains(&many.iter().filter(|&&is_test| is_test).count()));
}

/// The array is sorted by class, and the first images of a split are a fair sample nevertheless.
#[test]
fn the_first_images_of_a_split_have_all_classes() {
    let place = Place::new();
    let path = place.write("sorted.npy", &bytes(&[2000, 2, 2], &vec![0; 8000]));
    let values: Vec<i64> = (0..2000).map(|index| index / 400).collect();
    place.write("sorted.labels.npy", &labels(&values));
    let options = Options { test_fraction: 0.5, ..options() };
    for split in [Split::Train, Split::Test] {
        let split = load(&path, split, &options).unwrap();
        let first = &split.labels()[..split.labels().len() / 5];
        for class in 0..5 {
            let count = first.iter().filter(|&&label| label == class).count();
            assert!((25..60).contains(&count), "{count} of class {class} in {}", first.len());
        }
    }
}

#[test]
fn gray_and_color_are_converted() {
    let place = Place::new();
    let gray: Vec<u8> = (0..IMAGES * 16).map(|k| (k * 7 % 256) as u8).collect();
    let threefold: Vec<u8> = gray.iter().flat_map(|&value| [value; 3]).collect();
    let in_color = Options { channels: Some(3), ..options() };
    for shape in [&[IMAGES, 4, 4][..], &[IMAGES, 4, 4, 1], &[IMAGES, 1, 4, 4]] {
        let path = place.write("gray.npy", &bytes(shape, &gray));
        assert_eq!(Arrays::open(&path, &options()).unwrap().channels(), 1);
        assert_eq!(both_splits(&path, &options(), 1).0, gray);
        assert_eq!(both_splits(&path, &in_color, 3).0, threefold);
    }
    let in_gray = Options { channels: Some(1), ..options() };
    let path = place.write("color.npy", &bytes(&SHAPE, &threefold));
    assert_eq!(Arrays::open(&path, &in_gray).unwrap().channels(), 1);
    assert_eq!(both_splits(&path, &in_gray, 1).0, gray);
}

/// Images are cropped to their centre by default; the options select another way.
#[test]
fn images_are_fitted() {
    let place = Place::new();
    let wide = [9, 1, 2, 9].repeat(2 * IMAGES);
    let path = place.write("wide.npy", &bytes(&[IMAGES, 2, 4], &wide));
    let crop = Options { image_size: 2, ..Options::default() };
    assert_eq!(both_splits(&path, &crop, 1).0, [1, 2].repeat(2 * IMAGES));
    let pad = Options { image_size: 4, fit: Some(FitMode::Pad), background: [255, 0, 0], ..crop };
    let padded = [[76; 4], [9, 1, 2, 9], [9, 1, 2, 9], [76; 4]].concat();
    assert_eq!(both_splits(&path, &pad, 1).0, padded.repeat(IMAGES), "76 is the luma of red");
}

/// `sample export` writes float32 in (N, C, H, W) from 0 to 1, and labels beside.
#[test]
fn exported_samples_are_a_dataset() {
    let (place, pixels) = (Place::new(), pixels());
    let path = place.write(
        "samples.npy",
        &floats(&[IMAGES, 3, 4, 4], |index| f32::from(pixels[of_planes(index)]) / 255.0),
    );
    let values: Vec<i64> = (0..IMAGES as i64).map(|index| index % 2).collect();
    place.write("samples.labels.npy", &labels(&values));
    let train = load(&path, Split::Train, &options()).unwrap();
    let kept: Vec<usize> = order(&*train, Split::Train).iter().map(|&index| index as usize).collect();
    let expected: Vec<u8> = kept.iter().flat_map(|&k| pixels[k * 48..(k + 1) * 48].to_vec()).collect();
    assert_eq!(images(&*train, 3), expected);
    assert_eq!(train.labels(), kept.iter().map(|&k| (k % 2) as u16).collect::<Vec<_>>());
}

#[test]
fn a_note_names_classes_without_images() {
    let place = Place::new();
    let path = place.write("faces.npy", &bytes(&SHAPE, &pixels()));
    let notes = |values: [i64; IMAGES]| {
        place.write("faces.labels.npy", &labels(&values));
        load(&path, Split::Train, &options()).unwrap().notes().join("\n")
    };
    let text = notes(std::array::from_fn(|index| [0, 3, 5][index % 3]));
    assert!(text.contains("3 of 6 classes have no image, the first is 1;"), "{text}");
    assert_eq!(notes(std::array::from_fn(|index| (index % 3) as i64)), "");
}

/// Labels behind a link that leads nowhere are missing, which must not look like a set without
/// labels.
#[cfg(unix)]
#[test]
fn a_link_to_labels_must_lead_somewhere() {
    let place = Place::new();
    let path = place.write("faces.npy", &bytes(&SHAPE, &pixels()));
    std::os::unix::fs::symlink("nowhere", path.with_extension("labels.npy")).unwrap();
    assert_fails(&path, &["cannot read", "faces.labels.npy"]);
}
