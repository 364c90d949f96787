//! A dataset for tests, in which one image cannot be read.

use adjoint_data::{DataError, Dataset, Downloader, Images, Source, Split};
use std::io::{Error, ErrorKind};

/// The error of the image that cannot be read.
pub(crate) const SAID: &str = "cannot read cache/images: the disk is gone";

/// Eight gray images of 16 x 16 pixels. Image 5 cannot be read.
#[derive(Debug)]
struct Eight;

/// Returns the dataset.
pub(crate) fn dataset(split: Split) -> Dataset {
    Dataset::of_source("eight", &Eight, split, None).expect("no image is read yet")
}

impl Source for Eight {
    fn channels(&self) -> usize {
        1
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        Ok(vec!["a".into(), "b".into()])
    }

    fn load(&self, _: Split, _: Option<&mut Downloader<'_>>) -> Result<Box<dyn Images>, DataError> {
        Ok(Box::new(Self))
    }
}

impl Images for Eight {
    fn image_size(&self) -> usize {
        16
    }

    fn labels(&self) -> &[u16] {
        &[0, 1, 0, 1, 0, 1, 0, 1]
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        if index == 5 {
            let cause = Error::new(ErrorKind::NotFound, "the disk is gone");
            return Err(DataError::Io { action: "read", path: "cache/images".into(), cause });
        }
        image.fill(index as u8);
        Ok(())
    }
}
