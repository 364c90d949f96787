//! Tests with a source that is not in the registry: one of its images cannot be read, or it has too
//! many classes.

use std::io::{Error, ErrorKind};

use adjoint_data::{Batches, DataError, Dataset, Downloader, Images, PixelRange, Prefetch, Source, Split};

use crate::support::message;

/// Twelve gray images of 16 x 16 pixels. Image i is filled with i, and has the last class. Image 5
/// cannot be read.
#[derive(Clone, Debug)]
struct Twelve {
    classes: usize,
    labels: Vec<u16>,
}

/// The index of the image that cannot be read.
const GONE: usize = 5;
const SAID: &str = "cannot read cache/images: unexpected end of file";

impl Twelve {
    fn new(classes: usize) -> Self {
        Self { classes, labels: vec![(classes - 1) as u16; 12] }
    }

    fn load(&self) -> Result<Dataset, DataError> {
        Dataset::of_source("twelve", self, Split::Train, None)
    }
}

impl Source for Twelve {
    fn channels(&self) -> usize {
        1
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        Ok((0..self.classes).map(|class| class.to_string()).collect())
    }

    fn load(&self, _: Split, _: Option<&mut Downloader<'_>>) -> Result<Box<dyn Images>, DataError> {
        Ok(Box::new(self.clone()))
    }
}

impl Images for Twelve {
    fn image_size(&self) -> usize {
        16
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        if index == GONE {
            let cause = Error::new(ErrorKind::UnexpectedEof, "unexpected end of file");
            return Err(DataError::Io { action: "read", path: "cache/images".into(), cause });
        }
        image.fill(index as u8);
        Ok(())
    }
}

/// Everything that needs the image fails with the error of its source; everything else works.
#[test]
fn an_image_that_cannot_be_read_is_an_error() {
    let data = Twelve::new(2).load().unwrap();
    message(data.image(GONE, &mut [0; 256]), &[SAID]);
    message(data.images(&[4, GONE], PixelRange::Unit), &[SAID]);
    message(data.digest(), &[SAID]);
    let image = data.images(&[6], PixelRange::Unit).unwrap();
    assert!(image.data().iter().all(|&value| value == 6.0 / 255.0));

    let batches = || Batches::new(data.clone(), 4, 3, PixelRange::Unit).unwrap();
    let (mut plain, mut ahead) = (batches(), Prefetch::new(batches()));
    let mut failed = 0;
    // Each step is requested twice: a failed request is not remembered.
    for step in (0..9).flat_map(|step| [step, step]) {
        match (plain.batch(step), ahead.batch(step)) {
            (Ok(plain), Ok(ahead)) => {
                assert!(!plain.indices.contains(&GONE) && plain.indices == ahead.indices);
                assert!(plain.images.data() == ahead.images.data(), "step {step}");
            }
            (plain, ahead) => {
                message(plain, &[SAID]);
                message(ahead, &[SAID]);
                failed += 1;
            }
        }
    }
    assert_eq!(failed, 2 * 3, "one batch of each of the three epochs has the image");
}

#[test]
fn labels_number_at_most_65535_classes() {
    let most = Twelve::new(65_535).load().unwrap();
    assert_eq!((most.classes().len(), most.labels()[0]), (65_535, 65_534));
    let batch = Batches::new(most, 1, 0, PixelRange::Unit).unwrap().batch(0).unwrap();
    assert_eq!(batch.labels, [65_534]);
    let error = message(Twelve::new(65_536).load(), &["twelve has 65536 classes", "at most 65535"]);
    assert!(matches!(error, DataError::Classes { classes: 65_536, .. }));
}
