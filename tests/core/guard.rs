//! The guard: nothing that happens to the power or the clock gives an attempt back.

use crate::flash::{Cut, MockFlash, Moment};
use crate::powercut::Random;
use cognate::guard::{Guard, GuardError, Limits};
use cognate::policy::Rate;
use cognate::store::Area;

type Flash = MockFlash<4, 256>;
const AREA: Area = Area { begin: 0, pages: 2 };
/// Nothing of it is ever waited for.
const NONE: Limits = Limits { free: u32::MAX, delay: 0, grows: false, most: None };

fn open(flash: &mut Flash, limits: Limits) -> Guard<&mut Flash> {
    Guard::open(flash, AREA, limits).expect("it can be opened")
}

#[test]
fn a_cut_at_any_point_gives_nothing_back() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut flash = Flash::new(2);
        let mut least = 0;
        for _ in 0..60 {
            let right = random.below(4) == 0;
            let mut uncut = flash.clone();
            let run = |flash: &mut Flash| {
                let Ok(mut guard) = Guard::open(flash, AREA, NONE) else { return (false, false) };
                let Ok(attempt) = guard.begin(0) else { return (false, false) };
                if right {
                    return (true, guard.accept(attempt).is_ok());
                }
                guard.reject(attempt, 0);
                (true, false)
            };
            assert_eq!(run(&mut uncut), (true, right));
            for at in flash.operations()..uncut.operations() {
                for moment in [Moment::Before, Moment::Within(random.next()), Moment::After] {
                    let mut cut = flash.clone();
                    cut.cut_at(Cut { operation: at, moment });
                    let (begun, _) = run(&mut cut);
                    cut.restart();
                    let wrong = open(&mut cut, NONE).wrong();
                    // Only a right attempt may end the count, and only a score that nobody has seen may be missing.
                    let is_enough = wrong >= least + u32::from(begun) || begun && right && wrong == 0;
                    assert!(is_enough, "{wrong} after {least}, begun: {begun}, right: {right}");
                }
            }
            least = if right { 0 } else { least + 1 };
            assert_eq!(open(&mut uncut, NONE).wrong(), least);
            flash = uncut;
        }
    }
}

#[test]
fn a_flipped_bit_gives_nothing_back() {
    let mut flash = Flash::new(2);
    for _ in 0..4 {
        let mut guard = open(&mut flash, NONE);
        let attempt = guard.begin(0).expect("nothing to wait for");
        guard.reject(attempt, 0);
    }
    for bit in 0..flash.bytes().len() * 8 {
        let mut flipped = flash.clone();
        flipped.damage(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        assert!(open(&mut flipped, NONE).wrong() >= 4, "bit {bit}");
    }
    flash.damage(|bytes| bytes.fill(0x11));
    assert_eq!(open(&mut flash, Limits::ANDROID).wrong(), 5, "what cannot be read counts in full");
}

/// Wrong attempts until there is something to wait for, and how long.
fn wrong_until_delay(guard: &mut Guard<&mut Flash>, now: u64) -> (u32, u64) {
    for wrong in 0.. {
        match guard.begin(now) {
            Ok(attempt) => guard.reject(attempt, now),
            Err(GuardError::Wait { seconds }) => return (wrong, seconds),
            Err(error) => panic!("{error}"),
        }
    }
    (0, 0)
}

#[test]
fn delays_are_those_of_android_and_fido() {
    let mut flash = Flash::new(2);
    assert_eq!(wrong_until_delay(&mut open(&mut flash, Limits::ANDROID), 1000), (5, 30));
    let mut flash = Flash::new(2);
    let mut guard = open(&mut flash, Limits::FIDO);
    assert_eq!(wrong_until_delay(&mut guard, 1000), (3, 30));
    assert_eq!(wrong_until_delay(&mut guard, 1030), (1, 60));
    assert_eq!(wrong_until_delay(&mut guard, 1090), (1, 120));
    let right = guard.begin(1210).expect("waited for");
    guard.accept(right).expect("the flash works");
    assert_eq!(wrong_until_delay(&mut guard, 1210), (3, 30));
}

#[test]
fn neither_a_reset_nor_a_clock_that_goes_back_shortens_a_delay() {
    let mut flash = Flash::new(2);
    let mut guard = open(&mut flash, Limits::ANDROID);
    wrong_until_delay(&mut guard, 1000);
    assert_eq!(guard.wait(1029), Ok(1));
    assert_eq!(guard.wait(1000), Ok(30), "it went back");
    assert_eq!(guard.wait(1029), Ok(1));
    let mut guard = open(&mut flash, Limits::ANDROID);
    assert_eq!(guard.wait(5_000_000), Ok(30), "a reset, and a clock that says anything");
    assert_eq!(guard.wait(5_000_030), Ok(0));
}

#[test]
fn attempts_by_the_false_match_rate_end_in_a_lock() {
    let rate = |parts| Rate::from_parts_per_billion(parts).expect("below a whole");
    let limits = Limits::for_rate(rate(100_000), rate(500_000)).expect("one is not too many");
    assert_eq!(limits.most, Some(5));
    let mut flash = Flash::new(2);
    let mut guard = open(&mut flash, limits);
    let (mut now, mut attempts) = (0, 0);
    loop {
        match guard.begin(now) {
            Ok(_) => attempts += 1,
            Err(GuardError::Wait { seconds }) => now += seconds,
            Err(error) => {
                assert_eq!(error, GuardError::Locked);
                break;
            }
        }
    }
    assert_eq!(attempts, 5);
    let mut guard = open(&mut flash, limits);
    assert_eq!(guard.begin(u64::MAX).map(drop), Err(GuardError::Locked));
    guard.unlock().expect("the flash works");
    assert!(guard.begin(u64::MAX).is_ok());
}
