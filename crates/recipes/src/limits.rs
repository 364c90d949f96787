//! Checks of flags against limits of memory and data, before anything is allocated or downloaded.

use crate::data::DataArgs;
use adjoint_data::IMAGE_SIZES;
use adjoint_runs::BoxError;
use adjoint_runs::values::whole;
use std::ops::Range;
use std::path::Path;

/// Parses the value of a flag that is a number of units, channels or latent variables, from 1 to
/// 65,536.
///
/// # Errors
/// If the text is not a whole number in this range.
pub fn units(text: &str) -> Result<usize, String> {
    whole(1..=65_536)(text)
}

/// The fewest steps from one checkpoint to the next, and from one picture to the next.
const MIN_INTERVAL: u64 = 100;

/// Returns the steps of as many whole epochs as have at least a hundred steps. After each epoch of
/// a small set, the checkpoints and pictures would take longer than the training.
pub(crate) fn interval(steps_per_epoch: u64) -> u64 {
    MIN_INTERVAL.next_multiple_of(steps_per_epoch.max(1))
}

/// Rejects image sizes that no dataset supports.
///
/// # Errors
/// For a size outside [`IMAGE_SIZES`].
pub fn image_size(data: &DataArgs) -> Result<(), BoxError> {
    let (size, least, most) = (data.image_size, *IMAGE_SIZES.start(), *IMAGE_SIZES.end());
    if IMAGE_SIZES.contains(&size) {
        return Ok(());
    }
    Err(format!("--image-size {size}: must be from {least} to {most} pixels; take 28, 32 or 64").into())
}

/// Rejects a training step that needs more memory than this process can get. On Linux, the bounds
/// are the memory of the machine, the limits that a shell sets by `ulimit`, and the limits of
/// control groups. Other systems have no bound.
///
/// # Errors
/// If the step needs more memory than the smallest bound.
pub fn memory(step_bytes: u64) -> Result<(), BoxError> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    match bounds(&read).into_iter().min_by_key(|(bytes, _)| *bytes) {
        Some((bound, holder)) if step_bytes > bound => Err(refusal(step_bytes, bound, holder).into()),
        _ => Ok(()),
    }
}

/// Returns how many samples to keep in memory at once, if a sample has `numbers` values. The result
/// is from 1 to `most`. Several samples together take at most about 64 MB. A single sample can take
/// more.
pub fn chunk(most: usize, numbers: usize) -> usize {
    ((1 << 24) / numbers.max(1)).clamp(1, most)
}

/// Splits a range into parts of `size` elements, in order. The last part can have fewer elements.
pub fn parts(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(size).map(move |start| start..range.end.min(start + size))
}

/// Number of floating-point operations between two checks of whether to stop. They take well below
/// a second on one core.
const OPERATIONS: u64 = 10_000_000_000;

/// Returns how many samples to compute between two checks of whether to stop. A sample takes
/// `flops` floating-point operations. The result is from 1 to `most`.
pub fn between_stop_checks(most: usize, flops: u64) -> usize {
    usize::try_from(OPERATIONS / flops.max(1)).unwrap_or(most).clamp(1, most.max(1))
}

fn refusal(needed: u64, bound: u64, holder: &str) -> String {
    let gib = |bytes: u64| bytes as f64 / (1u64 << 30) as f64;
    let (needed, there) = (gib(needed), gib(bound));
    format!(
        "a training step needs about {needed:.1} GiB and {holder} {there:.1} GiB; take smaller networks, images or \
         batches"
    )
}

/// Returns all memory bounds of this process, in bytes. `read` returns the content of a system
/// file. Beside each bound is the start of a message about it, such as "this machine has".
fn bounds(read: &dyn Fn(&Path) -> Option<String>) -> Vec<(u64, &'static str)> {
    let text = |path: &str| read(Path::new(path)).unwrap_or_default();
    let (machine, limits) = (text("/proc/meminfo"), text("/proc/self/limits"));
    // "MemTotal:  24683656 kB", "Max address space  unlimited  unlimited  bytes". The first
    // value is the soft limit.
    let number = |text: &str, name: &str| -> Option<u64> {
        text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
    };
    let kilobytes = number(&machine, "MemTotal:").map(|kilobytes| kilobytes.saturating_mul(1024));
    let found = [
        (kilobytes, "this machine has"),
        (number(&limits, "Max address space"), "the address space (ulimit -v) is limited to"),
        (number(&limits, "Max data size"), "the data segment (ulimit -d) is limited to"),
        (of_control_groups(read, &text("/proc/self/cgroup")), "its control group is limited to"),
    ];
    found.into_iter().filter_map(|(bytes, holder)| Some((bytes?, holder))).collect()
}

/// Returns the smallest memory limit of the control groups of this process and their ancestors. The
/// control groups can be of version 1 or 2. Returns `None` if no group has a limit.
///
/// A line of `groups` is "0::/PATH" (version 2) or "4:memory:/PATH" (version 1). The search goes
/// from PATH up to the top of the hierarchy. Inside a container, the top can be the control group
/// of this process, although PATH names another place.
fn of_control_groups(read: &dyn Fn(&Path) -> Option<String>, groups: &str) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (top, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            v1 if v1.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let limit = read(&Path::new(top).join(group).join(file));
            let limit = limit.and_then(|limit| limit.trim().parse::<u64>().ok()); // None for "max"
            least = least.into_iter().chain(limit).min();
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn an_interval_has_whole_epochs_and_a_hundred_steps() {
        assert_eq!([1, 2, 30, 99, 100, 468].map(interval), [100, 100, 120, 198, 100, 468]);
    }

    /// Returns the smallest memory bound if the system files have this content.
    fn least(files: &[(&str, &str)]) -> Option<(u64, &'static str)> {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| text.to_string())
        };
        bounds(&read).into_iter().min_by_key(|(bytes, _)| *bytes)
    }

    const MACHINE: (&str, &str) = ("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:        1000 kB\n");

    #[test]
    fn the_least_bound_counts() {
        let machine = Some((16 * GIB, "this machine has"));
        assert_eq!(least(&[]), None);
        assert_eq!(least(&[MACHINE]), machine);
        let limits = "Limit             Soft Limit  Hard Limit  Units\n\
                      Max data size     unlimited   unlimited   bytes\n\
                      Max address space 2147483648  unlimited   bytes\n";
        let address_space = Some((2 * GIB, "the address space (ulimit -v) is limited to"));
        assert_eq!(least(&[MACHINE, ("/proc/self/limits", limits)]), address_space);
        let swapped = limits.replace("unlimited   unlimited ", "1073741824  unlimited ");
        let data = Some((GIB, "the data segment (ulimit -d) is limited to"));
        assert_eq!(least(&[MACHINE, ("/proc/self/limits", &swapped)]), data);
        assert_eq!(
            least(&[MACHINE, ("/proc/self/limits", &limits.replace("2147483648", "unlimited"))]),
            machine
        );
    }

    #[test]
    fn control_groups_bound_from_all_levels() {
        let group = |bytes: u64| Some((bytes, "its control group is limited to"));
        let (v2, v1) = ("0::/a/b\n", "12:cpu:/x\n4:hugetlb,memory:/docker/1f\n0::/\n");
        let inner = ("/sys/fs/cgroup/a/b/memory.max", "max\n");
        let outer = ("/sys/fs/cgroup/a/memory.max", "3221225472\n");
        let top = ("/sys/fs/cgroup/memory.max", "1073741824\n");
        let of = |groups, files: &[(&'static str, &'static str)]| {
            least(&[&[MACHINE, ("/proc/self/cgroup", groups)], files].concat())
        };
        assert_eq!(of(v2, &[inner]), Some((16 * GIB, "this machine has")));
        assert_eq!(of(v2, &[inner, outer]), group(3 * GIB));
        assert_eq!(of(v2, &[inner, outer, top]), group(GIB));
        assert_eq!(of("0::/\n", &[top]), group(GIB));
        // Version 1, outside and inside a container.
        let outside = ("/sys/fs/cgroup/memory/docker/1f/memory.limit_in_bytes", "2147483648\n");
        let inside = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
        let unlimited = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(of(v1, &[outside, unlimited]), group(2 * GIB));
        assert_eq!(of(v1, &[inside]), group(2 * GIB));
        assert_eq!(of(v1, &[unlimited]), Some((16 * GIB, "this machine has")));
    }

    #[test]
    fn a_refusal_says_what_bounds_it() {
        let refusal = refusal(3 * GIB, GIB / 2, "this machine has");
        let expected = "a training step needs about 3.0 GiB and this machine has 0.5 GiB; take smaller networks, images or batches";
        assert_eq!(refusal, expected);
        assert!(memory(0).is_ok());
    }
}
