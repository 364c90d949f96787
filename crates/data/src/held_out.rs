//! The rule that splits a dataset without test images: an image is in the test split if the hash of
//! its key is small. The key is the path of a file relative to the root, or the index of a record.
//!
//! So an image does not change its split when others are added or removed, and the split is the
//! same on every machine. The one exception is a class whose images would all be in one split.

use sha2::{Digest as _, Sha256};

/// For each image: is it in the test split, if `fraction` of the images are? `keys` and `labels`
/// have one element per image; a set without classes has one label for all.
///
/// A class with two or more images has at least one in each split. If the hashes leave a split
/// without an image of the class, the image whose hash is closest to the limit changes its split.
/// If `fraction` is 0, no image is in the test split.
///
/// # Panics
/// If the numbers of keys and of labels differ.
pub(crate) fn held_out<K: AsRef<[u8]>>(
    keys: impl IntoIterator<Item = K>,
    labels: &[u16],
    fraction: f64,
) -> Vec<bool> {
    let hashes: Vec<f64> = keys.into_iter().map(|key| hash(key.as_ref())).collect();
    assert_eq!(hashes.len(), labels.len(), "keys and labels");
    let mut held_out: Vec<bool> = hashes.iter().map(|&hash| hash < fraction).collect();
    if fraction <= 0.0 {
        return held_out;
    }
    let classes = labels.iter().max().map_or(0, |&label| usize::from(label) + 1);
    let mut ranges = vec![Range::default(); classes];
    for (index, &label) in labels.iter().enumerate() {
        ranges[usize::from(label)].add(index, &hashes);
    }
    for Range { images, least, greatest } in ranges {
        if images >= 2 {
            held_out[least] = true;
            held_out[greatest] = false;
        }
    }
    held_out
}

/// Sorts images by the hash of their keys. Images with equal keys are sorted by index.
pub(crate) fn sort_by_hash<K: AsRef<[u8]>>(images: &mut [usize], key: impl Fn(usize) -> K) {
    // The bits of floating-point numbers that are not negative have the order of the numbers.
    images.sort_by_cached_key(|&image| (hash(key(image).as_ref()).to_bits(), image));
}

/// The images of a class with the least and the greatest hash. The first of equal ones counts as
/// the least and the last as the greatest.
#[derive(Clone, Copy, Default)]
struct Range {
    images: usize,
    least: usize,
    greatest: usize,
}

impl Range {
    fn add(&mut self, index: usize, hashes: &[f64]) {
        if self.images == 0 || hashes[index] < hashes[self.least] {
            self.least = index;
        }
        if self.images == 0 || hashes[index] >= hashes[self.greatest] {
            self.greatest = index;
        }
        self.images += 1;
    }
}

/// The first 53 bits of the SHA-256 of `key`, as a fraction in [0, 1) that `f64` represents
/// exactly.
fn hash(key: &[u8]) -> f64 {
    let digest: [u8; 32] = Sha256::digest(key).into();
    let first = digest.first_chunk::<8>().expect("a digest has 32 bytes");
    (u64::from_be_bytes(*first) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`held_out`] with the index of each image, eight bytes, lowest first, as its key.
    fn held_out_by_index(labels: &[u16], fraction: f64) -> Vec<bool> {
        held_out((0..labels.len() as u64).map(u64::to_le_bytes), labels, fraction)
    }

    fn tests_of(held_out: &[bool]) -> usize {
        held_out.iter().filter(|&&test| test).count()
    }

    /// SHA-256 of "abc" starts with ba7816bf (FIPS 180-4), so its hash is 0.7284 of the range.
    #[test]
    fn the_hash_is_that_of_the_standard() {
        assert!((hash(b"abc") - f64::from(0xba78_16bf_u32) / 2.0_f64.powi(32)).abs() < 1e-9);
        assert!((0.728..0.729).contains(&hash(b"abc")));
    }

    #[test]
    fn the_fraction_is_kept_and_a_larger_one_adds_images() {
        let labels = vec![0; 10_000];
        let tenth = held_out_by_index(&labels, 0.1);
        assert!((900..1100).contains(&tests_of(&tenth)), "{}", tests_of(&tenth));
        let fifth = held_out_by_index(&labels, 0.2);
        assert!((1850..2150).contains(&tests_of(&fifth)), "{}", tests_of(&fifth));
        assert!(tenth.iter().zip(&fifth).all(|(tenth, fifth)| *fifth || !tenth));
        assert_eq!(tests_of(&held_out_by_index(&labels, 0.0)), 0);
    }

    #[test]
    fn an_image_keeps_its_split_when_others_come_and_go() {
        let all: Vec<String> = (0..1000).map(|index| format!("cat/{index}.png")).collect();
        let whole = held_out(&all, &vec![0; 1000], 0.1);
        let half = held_out(&all[500..], &vec![0; 500], 0.1);
        assert_eq!(whole[500..], half);
        assert_eq!(whole, all.iter().map(|key| hash(key.as_bytes()) < 0.1).collect::<Vec<_>>());
    }

    #[test]
    fn a_class_with_two_images_has_one_in_each_split() {
        let labels: Vec<u16> = (0..600).map(|index| index / 2).chain([300]).collect();
        for fraction in [1e-9, 0.1, 0.9, 1.0] {
            let held_out = held_out_by_index(&labels, fraction);
            for (class, pair) in held_out[..600].chunks_exact(2).enumerate() {
                assert_ne!(pair[0], pair[1], "class {class} of fraction {fraction}");
            }
        }
        assert_eq!(held_out_by_index(&[3], 1e-9), [false], "the only image of a class is for training");
    }

    #[test]
    fn equal_keys_are_split_too() {
        assert_eq!(held_out(["a", "a", "a"], &[0; 3], 1e-9), [true, false, false]);
        assert_eq!(held_out(["a", "a", "a"], &[0; 3], 1.0), [true, true, false]);
        assert_eq!(held_out([""; 0], &[], 0.1), []);
    }
}
