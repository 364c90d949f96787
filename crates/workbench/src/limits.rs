//! What flags ask for against what there is, before anything is allocated or fetched.

use adjoint_data::IMAGE_SIZES;
use adjoint_train::{BoxError, CommonArgs};

/// Units, channels or latent numbers of a layer, from 1 to 65,536: a flag's value.
///
/// # Errors
/// If it is no such number.
pub fn units(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=65_536).contains(n));
    number.ok_or_else(|| "a whole number from 1 to 65536 is needed".into())
}

/// Refuses image sizes that no dataset can be had in.
///
/// # Errors
/// For a size outside [`IMAGE_SIZES`].
pub fn image_size(common: &CommonArgs) -> Result<(), BoxError> {
    let (size, least, most) = (common.image_size, *IMAGE_SIZES.start(), *IMAGE_SIZES.end());
    if IMAGE_SIZES.contains(&size) {
        return Ok(());
    }
    Err(format!("--image-size {size}: from {least} to {most} pixels; take 28, 32 or 64").into())
}

/// Refuses a training step that needs more memory than this machine has, as far as that is known.
///
/// # Errors
/// If it does.
pub fn memory(step_bytes: u64) -> Result<(), BoxError> {
    let there = physical_memory();
    if step_bytes <= there {
        return Ok(());
    }
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let (needed, there) = (gib(step_bytes), gib(there));
    Err(format!(
        "a training step needs about {needed:.1} GiB and this machine has {there:.1} GiB; take smaller networks, images \
         or batches"
    )
    .into())
}

/// How many samples of so many numbers to hold at once: `most`, or as many as fit into some 64 MB.
pub fn chunk(most: usize, numbers: usize) -> usize {
    ((1 << 24) / numbers.max(1)).clamp(1, most)
}

/// Bytes of memory in this machine; without a bound where the system does not say.
fn physical_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    });
    kilobytes.map_or(u64::MAX, |kilobytes| kilobytes * 1024)
}
