//! What the campaign does to the program itself: it plants a bug and demands that its checker finds it, and it kills the
//! process at a durable step. Without the feature `campaign` all of it is a constant `false` and compiles to nothing.

/// A bug that can be planted. Its name on the command line is the variant's in kebab case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Bug {
    /// An order's external id is another one at each try.
    NewKeyEachTry,
    /// Central is searched for the order first, and it is created under a new key if it is not found.
    SearchThenCreate,
    /// The external ids are not protected from later loads.
    LoadWithoutNoupdate,
    /// `load` runs in its default mode.
    LoadInInitMode,
    /// The receipt reference alone is the key.
    ReferenceAsKey,
    /// The adjustment line has another external id at each try.
    NewAdjustmentEachTry,
    /// A draft that a person has changed gets an adjustment line.
    AdjustTouched,
    /// What central took counts as done without being read back.
    DoneWithoutProof,
    /// Totals may differ by 1.00.
    CoarseProof,
    /// A call without an answer counts as refused.
    LostAnswerIsFailure,
    /// Another transaction's being first counts as a refusal.
    SerializationIsFailure,
    /// What is to be tried again comes nearly two hours late.
    AgainTooLate,
    /// What is done is sent again.
    ReplayDone,
    /// What a person ignored is sent.
    ReplayIgnored,
    /// Nothing is noted before a call that writes.
    NoIntent,
    /// The ledger does not wait for the disk.
    DropFsync,
    /// A pass looks only at what was written since the last one began.
    SkipOverlap,
    /// The cursor is our clock, not the branch's.
    OurClock,
    /// The cursor moves before its page is kept.
    CursorFirst,
    /// Each pass looks at the highest ids only.
    FloorAlways,
    /// After each page one order is left out.
    PageSkipsOne,
    /// A page that is not XML counts as an empty answer.
    PageIsEmpty,
    /// An id that comes back with another sale is taken for the order that it was.
    IdAloneIsOrder,
    /// Orders that another branch has brought are taken once more.
    CloneAccepted,
    /// That an order changed after it was written is not said.
    ChangeUnsaid,
    /// An order that changed before it was written is written as it was.
    OldContent,
    /// A branch's records are bound as those of another branch are.
    SwappedBindings,
    /// A record of central is known by its number alone.
    NumberAloneIsRecord,
    /// A refund has the sign that the branch stored for its subtotal.
    StoredRefundSign,
    /// Quantities are rounded to whole units.
    WholeQuantities,
    /// What failed is not counted.
    Silent,
}

impl Bug {
    /// All of them.
    pub const ALL: &[Bug] = &[
        Bug::NewKeyEachTry,
        Bug::SearchThenCreate,
        Bug::LoadWithoutNoupdate,
        Bug::LoadInInitMode,
        Bug::ReferenceAsKey,
        Bug::NewAdjustmentEachTry,
        Bug::AdjustTouched,
        Bug::DoneWithoutProof,
        Bug::CoarseProof,
        Bug::LostAnswerIsFailure,
        Bug::SerializationIsFailure,
        Bug::AgainTooLate,
        Bug::ReplayDone,
        Bug::ReplayIgnored,
        Bug::NoIntent,
        Bug::DropFsync,
        Bug::SkipOverlap,
        Bug::OurClock,
        Bug::CursorFirst,
        Bug::FloorAlways,
        Bug::PageSkipsOne,
        Bug::PageIsEmpty,
        Bug::IdAloneIsOrder,
        Bug::CloneAccepted,
        Bug::ChangeUnsaid,
        Bug::OldContent,
        Bug::SwappedBindings,
        Bug::NumberAloneIsRecord,
        Bug::StoredRefundSign,
        Bug::WholeQuantities,
        Bug::Silent,
    ];

    /// Its name on the command line: `drop-fsync`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

#[cfg(not(feature = "campaign"))]
mod switch {
    use super::Bug;

    /// Whether this bug is planted.
    #[inline(always)]
    pub const fn planted(_: Bug) -> bool {
        false
    }

    /// A place where the process may be killed.
    #[inline(always)]
    pub const fn step() {}

    /// The name as it is.
    pub fn name(_: Bug, name: &str) -> String {
        name.to_owned()
    }
}

#[cfg(feature = "campaign")]
mod switch {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

    use super::Bug;

    const NONE: u8 = u8::MAX;
    /// Begins as `POSBRIDGE_PLANT` says, for the real program.
    static PLANTED: LazyLock<AtomicU8> = LazyLock::new(|| AtomicU8::new(by_name().map_or(NONE, |bug| bug as u8)));

    /// Steps still to come before the kill: `POSBRIDGE_KILL_AT`, counted from 1; 0 = none.
    static KILL_AT: LazyLock<u64> = LazyLock::new(|| number("POSBRIDGE_KILL_AT"));
    static STEPS: AtomicU64 = AtomicU64::new(0);
    static NAMES: AtomicU64 = AtomicU64::new(0);

    fn number(name: &str) -> u64 {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// The bug that `POSBRIDGE_PLANT` names. A name that is none stops the process: a campaign against the sound program by
    /// mistake would prove nothing.
    fn by_name() -> Option<Bug> {
        let wanted = std::env::var("POSBRIDGE_PLANT").ok()?;
        let named = Bug::ALL.iter().copied().find(|bug| bug.name() == wanted);
        if named.is_none() {
            std::process::exit(64);
        }
        named
    }

    /// Plants a bug in this process, or with `None` removes it.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(NONE, |bug| bug as u8), Ordering::Relaxed);
    }

    /// Whether this bug is planted.
    pub fn planted(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as u8
    }

    /// The name as it is, or with this bug one that was never there.
    pub fn name(bug: Bug, name: &str) -> String {
        if planted(bug) || bug == Bug::NewKeyEachTry && planted(Bug::SearchThenCreate) {
            format!("{name}-{:x}", NAMES.fetch_add(1, Ordering::Relaxed))
        } else {
            name.to_owned()
        }
    }

    /// A place where the process may be killed: the moment before, or after, something became durable.
    pub fn step() {
        let nth = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
        if nth == *KILL_AT {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }

    /// How many steps this process has passed.
    pub fn steps() -> u64 {
        STEPS.load(Ordering::Relaxed)
    }
}

pub use switch::*;
