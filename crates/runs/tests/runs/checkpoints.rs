//! Checkpoints survive crashes and full disks. A file that is not a valid checkpoint is rejected
//! with an error that names it.

use std::fs;
use std::path::Path;

use adjoint_runs::{Checkpoints, NamedTensors, Snapshot, join_parts, take_part};
use adjoint_tensor::{Stream, Tensor};

fn tensors() -> NamedTensors {
    let mut stream = Stream::new(7, "checkpoint test", 0);
    let mut tensor = |shape: [usize; 4]| stream.normal_tensor(shape, 0.0, 1.0);
    vec![
        ("generator.1.weight".into(), tensor([4, 4, 3, 5])),
        ("generator.0.bias".into(), tensor([1, 1, 1, 7]).reshape([7])),
        ("adam.step".into(), Tensor::from_slice([], &[12.0])),
        ("empty".into(), Tensor::zeros([0, 3])),
        ("naïve \"name\"".into(), Tensor::from_slice([2], &[f32::MIN_POSITIVE, -0.0])),
    ]
}

fn snapshot(step: u64) -> Snapshot {
    let config = "model = \"walk\"\nnote = \"\\\"sha256\\\":\\\"0\\\"\"\n".into();
    Snapshot { model: "walk".into(), step, config, tensors: tensors() }
}

/// Returns a directory with checkpoints of step 1 (previous) and step 2 (newest).
fn two_checkpoints() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut checkpoints = Checkpoints::in_directory(dir.path());
    checkpoints.save(&snapshot(1)).unwrap();
    checkpoints.save(&snapshot(2)).unwrap();
    dir
}

fn load(dir: &Path) -> Result<(u64, Option<String>), String> {
    let loaded = Checkpoints::in_directory(dir).load().map_err(|error| error.to_string())?;
    let loaded = loaded.expect("a checkpoint");
    Ok((loaded.snapshot.step, loaded.warning))
}

fn bits(tensors: &NamedTensors) -> Vec<(String, Vec<usize>, Vec<u32>)> {
    let bits = |t: &Tensor<f32>| t.data().iter().map(|v| v.to_bits()).collect();
    tensors.iter().map(|(name, t)| (name.clone(), t.dims().to_vec(), bits(t))).collect()
}

#[test]
fn a_checkpoint_comes_back_as_it_was() {
    let dir = two_checkpoints();
    let loaded = Checkpoints::in_directory(dir.path()).load().unwrap().unwrap();
    assert_eq!(loaded.path, dir.path().join("checkpoint.safetensors"));
    assert_eq!((loaded.warning, loaded.snapshot.step), (None, 2));
    assert_eq!((loaded.snapshot.model, loaded.snapshot.config), (snapshot(2).model, snapshot(2).config));
    let mut expected = tensors();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(bits(&loaded.snapshot.tensors), bits(&expected));
}

#[test]
fn other_readers_of_safetensors_agree() {
    let dir = two_checkpoints();
    let bytes = fs::read(dir.path().join("checkpoint.safetensors")).unwrap();
    let parsed = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(parsed.len(), tensors().len());
    for (name, tensor) in tensors() {
        let view = parsed.tensor(&name).unwrap();
        let values: Vec<f32> =
            view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!((view.shape(), values.as_slice()), (tensor.dims(), tensor.data()), "{name}");
    }
}

#[test]
fn the_bytes_depend_on_the_content_alone() {
    let (one, other) = (two_checkpoints(), tempfile::tempdir().unwrap());
    let mut reversed = snapshot(2);
    reversed.tensors.reverse();
    Checkpoints::in_directory(other.path()).save(&reversed).unwrap();
    let read = |dir: &tempfile::TempDir| fs::read(dir.path().join("checkpoint.safetensors")).unwrap();
    assert_eq!(read(&one), read(&other));
}

#[test]
fn no_checkpoint_is_no_error() {
    assert!(Checkpoints::in_directory(tempfile::tempdir().unwrap().path()).load().unwrap().is_none());
}

#[test]
fn a_truncated_checkpoint_gives_way_to_the_one_before() {
    let dir = two_checkpoints();
    let newest = dir.path().join("checkpoint.safetensors");
    let whole = fs::read(&newest).unwrap();
    for sixteenth in 0..16 {
        fs::write(&newest, &whole[..whole.len() * sixteenth / 16]).unwrap();
        let (step, warning) = load(dir.path()).unwrap();
        let warning = warning.expect("a warning");
        assert_eq!(step, 1, "{sixteenth}/16");
        assert!(warning.contains("checkpoint.safetensors: ") && warning.contains("truncated"), "{warning}");
        assert!(warning.ends_with("previous.safetensors") && !warning.contains('\n'), "{warning}");
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let dir = two_checkpoints();
    let newest = dir.path().join("checkpoint.safetensors");
    let whole = fs::read(&newest).unwrap();
    for bit in 0..8 * whole.len() {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&newest, flipped).unwrap();
        let (step, warning) = load(dir.path()).unwrap();
        assert!(step == 1 && warning.is_some(), "bit {bit} of {} bytes", whole.len());
    }
    fs::write(&newest, [&whole[..], b"x"].concat()).unwrap();
    assert_eq!(load(dir.path()).unwrap().0, 1);
}

/// Each case changes the seal of a checkpoint. It is replaced by another seal or by a value that is
/// not text, or it is duplicated or removed. In one case all metadata are removed.
#[test]
fn a_checkpoint_without_a_valid_seal_is_damaged() {
    let dir = two_checkpoints();
    let newest = dir.path().join("checkpoint.safetensors");
    let whole = fs::read(&newest).unwrap();
    let length = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let header = std::str::from_utf8(&whole[8..8 + length]).unwrap().trim_end();
    let at = header.find("\"sha256\":\"").unwrap();
    let seal = &header[at..at + "\"sha256\":\"".len() + 65];
    for (other, expected) in [
        ("\"sha256\":\"\"", "its SHA-256"),
        ("\"sha257\":\"0\"", "its SHA-256"),
        (&seal.to_uppercase(), "its SHA-256"),
        (&format!("\"sha256\":\"{}\"", "0".repeat(64)), "its SHA-256"),
        (&format!("{seal},{seal}"), "its SHA-256"),
        ("\"sha256\":null", "header: "),
        ("\"sha256\":7", "header: "),
    ] {
        let header = header.replacen(seal, other, 1);
        let bytes =
            [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &whole[8 + length..]].concat();
        fs::write(&newest, bytes).unwrap();
        let (step, warning) = load(dir.path()).unwrap();
        let warning = warning.expect("a warning");
        assert!(step == 1 && warning.contains("damaged") && warning.contains(expected), "{other}: {warning}");
    }
}

#[test]
fn a_broken_newest_checkpoint_never_replaces_the_whole_one_before() {
    let dir = two_checkpoints();
    fs::write(dir.path().join("checkpoint.safetensors"), "broken").unwrap();
    let mut checkpoints = Checkpoints::in_directory(dir.path());
    checkpoints.load().unwrap();
    checkpoints.save(&snapshot(3)).unwrap();
    assert_eq!(load(dir.path()), Ok((3, None)));
    fs::remove_file(dir.path().join("checkpoint.safetensors")).unwrap();
    let (step, warning) = load(dir.path()).unwrap();
    assert!(step == 1 && warning.is_some(), "the previous checkpoint is still that of step 1");
}

#[test]
fn two_broken_checkpoints_are_an_error_that_names_both() {
    let dir = two_checkpoints();
    fs::write(dir.path().join("checkpoint.safetensors"), "").unwrap();
    let whole = fs::read(dir.path().join("previous.safetensors")).unwrap();
    fs::write(dir.path().join("previous.safetensors"), &whole[..100]).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(
        error.contains("checkpoint.safetensors: ") && error.contains("previous.safetensors: "),
        "{error}"
    );
    fs::remove_file(dir.path().join("previous.safetensors")).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(error.contains("checkpoint.safetensors: truncated"), "{error}");
}

/// Writes bytes as the only checkpoint, and returns the error of loading it.
fn complaint(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("checkpoint.safetensors"), bytes).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(!error.contains('\n'), "{error}");
    error
}

fn with_header(header: &str, payload: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; payload]].concat()
}

#[test]
fn foreign_files_are_distinguished_from_checkpoints() {
    assert!(complaint(b"").contains("truncated or not a safetensors file"));
    assert!(
        complaint(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x10").contains("truncated or not a safetensors file")
    );
    assert!(complaint(&with_header("[1, 2, 3]", 4)).contains("not a safetensors file"));
    for foreign in ["{}", r#"{"__metadata__":null}"#, r#"{"__metadata__":{"sha256":"0"}}"#] {
        assert!(complaint(&with_header(foreign, 0)).contains("not a checkpoint of Adjoint"), "{foreign}");
    }

    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("checkpoint.safetensors")).unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(error.contains("checkpoint.safetensors: not a file; "), "{error}");
}

#[test]
fn a_header_that_contradicts_its_file_is_rejected() {
    let tensor = |dtype: &str, shape: &str, offsets: &str| {
        with_header(&format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), 16)
    };
    assert!(complaint(&tensor("F8_E4M3", "[16]", "[0,16]")).contains("`t` is of type F8_E4M3; integers"));
    assert!(complaint(&tensor("C64", "[2]", "[0,16]")).contains("`t` is of type C64; integers"));
    assert!(complaint(&tensor("F128", "[1]", "[0,16]")).contains("(header: unknown variant `F128`"));
    assert!(complaint(&tensor("F32", "[1,1,1,2,2]", "[0,16]")).contains("at most 4 dimensions"));
    let huge = "[4611686018427387904,4611686018427387904]";
    for (shape, offsets) in [
        (huge, "[0,16]"),
        ("[4]", "[0,12]"),
        ("[4]", "[16,0]"),
        ("[3]", "[4,16]"),
        ("[4]", "[0,99]"),
        ("[-4]", "[0,16]"),
        ("[4.0]", "[0,16]"),
        ("[4]", "[0,18446744073709551615]"),
        ("[4]", "[0,16,32]"),
        ("4", "[0,16]"),
    ] {
        let error = complaint(&tensor("F32", shape, offsets));
        assert!(error.contains("damaged or not a safetensors file (header: "), "{shape} {offsets}: {error}");
    }
    // These tensors have no values, but memory can't address their sizes.
    for shape in ["[0,4294967296,4294967296]", "[9223372036854775807,0]"] {
        let tensor = format!(r#"{{"t":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#);
        assert!(complaint(&with_header(&tensor, 0)).contains("sizes that memory can address"), "{shape}");
    }
    assert!(complaint(&tensor("F32", "[3]", "[0,12]")).contains("12 bytes of values expected, 16 found"));
    let mut endless = u64::MAX.to_le_bytes().to_vec();
    endless.extend([b' '; 64]);
    assert!(complaint(&endless).contains("header would be longer than the file"));
}

#[test]
fn another_format_version_is_named_and_not_worked_around() {
    let metadata = r#"{"__metadata__":{"format":"adjoint-checkpoint","version":"9","sha256":"SEAL"}}"#;
    let blank = metadata.replace("SEAL", &"0".repeat(64));
    let seal: String = {
        use sha2::Digest;
        sha2::Sha256::digest(with_header(&blank, 0)).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let error = complaint(&with_header(&metadata.replace("SEAL", &seal), 0));
    assert!(error.ends_with("a checkpoint of format version 9; this program reads version 1"), "{error}");
}

#[test]
fn parts_are_joined_and_taken_apart() {
    let other: NamedTensors = vec![("weight".into(), Tensor::zeros([2]))];
    let joined = join_parts([("adam", other.clone()), ("adam_g", tensors())]);
    assert_eq!(
        (joined.len(), joined[0].0.as_str(), joined[3].0.as_str()),
        (6, "adam.weight", "adam_g.adam.step")
    );
    assert_eq!(bits(&take_part(&joined, "adam")), bits(&other));
    assert_eq!(bits(&take_part(&joined, "adam_g")), bits(&tensors()));
    assert!(take_part(&joined, "ad").is_empty());
}
