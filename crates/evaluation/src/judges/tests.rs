use super::regressor::mean_and_deviation;
use super::*;
use adjoint_data::glyphs::{Glyphs, Palette};
use adjoint_data::{Options, Split};
use adjoint_tensor::isa::{self, Isa};

mod unlabelled;

/// The values that [`computed`] returned in each version, for judges of small glyphs after a few
/// steps.
const RECORDED: [(u32, [f64; 18]); 1] = [(
    1,
    [
        2.326156, 1.095044, 0.141581, 0.140558, 0.147156, 0.101434, //
        2.806026, 1.418762, 0.101619, 0.154479, -0.315396, 0.066512, //
        1.397153, 0.789831, 0.145512, 0.242320, 0.002190, 0.104166,
    ],
)];

/// Trains a classifier, a regressor and a judge of rotations with the kernels of an instruction
/// set. Returns six values of each: the first loss, the last loss, the root mean square of its
/// features and of its outputs on test images, and its first two outputs.
fn computed(isa: Isa) -> Vec<f64> {
    let options = Options { image_size: 16, ..Options::default() };
    let [train, test] = [Split::Train, Split::Test]
        .map(|split| Dataset::load("glyphs", split, &options, None).expect("it is built in"));
    let glyphs = Glyphs::new(options.seed, Split::Train, 16, Palette::Gray);
    let factors: Vec<Factors> = (0..train.len()).map(|i| glyphs.factors(i)).collect();
    let scales = FACTORS.map(|(_, number)| mean_and_deviation(&factors, number));
    let tasks = [Task::classes(&train), Task::factors(&factors, &scales), Task::rotations()];
    let of_task = |task: &Task<'_>| {
        let mut losses = vec![];
        let judge = task.train(&train, 12, |_, loss| losses.push(loss)).unwrap();
        let mut kept = StoredJudge { judge, path: PathBuf::new() };
        let Reading { features, verdicts } = kept.read_set(&test, 200).unwrap();
        let size = |x: &Tensor<f64>| (x.sum_of_squares() / x.len() as f64).sqrt();
        let of_first = &verdicts.data()[..2];
        vec![losses[0], losses[11], size(&features), size(&verdicts), of_first[0], of_first[1]]
    };
    isa::with(isa, || tasks.iter().flat_map(of_task).collect())
}

/// Judges must compute the values that were recorded for their version. The tolerance is far above
/// the rounding differences between instruction sets. It is far below the effect of changing the
/// step size by one per cent.
#[test]
fn judges_compute_what_their_version_did_when_it_was_recorded() {
    let (number, want) = RECORDED[RECORDED.len() - 1];
    assert_eq!(number, JUDGE_VERSION, "record what this version computes");
    assert!(
        RECORDED.iter().zip(1..).all(|((number, _), i)| *number == i),
        "versions are numbered from 1 without gaps"
    );
    for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
        let got = computed(isa);
        let off = got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(0.0, f64::max);
        let remedy = "raise JUDGE_VERSION and record what judges compute now";
        assert!(off < 1e-4, "{remedy}: {got:?} on {isa}, off by {off}");
    }
}

/// The judge has finite weights that are so large that its features overflow, or weights that are
/// not numbers.
#[test]
fn features_that_are_not_finite_are_an_error() {
    for weight in [3e38f32, f32::NAN] {
        let mut judge = Judge::new(16, 1, 2, SEED);
        let state = judge.state().into_iter().map(|(name, x)| (name, x.map(move |_| weight)));
        judge.load_state(&state.collect::<Vec<_>>()).unwrap();
        let mut kept = StoredJudge { judge, path: "judges/large".into() };
        let read = kept.read(3, 256, |range| Ok(Tensor::full([range.len(), 16, 16, 1], 1.0)));
        let error = read.err().expect("rejected").to_string();
        assert!(error.starts_with("judges/large: its features are not finite"), "{error}");
    }
}

/// An image of the set cannot be read.
#[test]
fn images_that_cannot_be_read_are_an_error() {
    let mut kept = StoredJudge { judge: Judge::new(16, 1, 2, SEED), path: PathBuf::new() };
    let read = kept.read(3, 256, |_| Err(DataError::NotAFile("cache".into())));
    let error = read.err().expect("rejected").to_string();
    assert!(error.starts_with("cache is not a file"), "{error}");
}
