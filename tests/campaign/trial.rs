//! One trial: some rounds of selling, accidents and passes, then the faults end, the clock goes on, and the checker looks.

use posbridge::sync::Request;

use crate::options::Versions;
use crate::passes::Kind;
use crate::tally::Tally;
use crate::world::{Violation, World};

pub struct Outcome {
    pub tally: Tally,
    pub violations: Vec<Violation>,
    pub story: Vec<String>,
}

/// A runtime on one thread: what happens in a trial happens in one order, as far as the kernel's sockets let it.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs the trial of a seed; with `tell` it leaves its story.
pub fn run(runtime: &tokio::runtime::Runtime, seed: u64, versions: Versions, tell: bool) -> Outcome {
    runtime.block_on(async {
        let mut world = World::new(seed, versions, tell).await;
        let rounds = 4 + world.random.below(9);
        for _ in 0..rounds {
            world.round().await;
            world.tally.rounds += 1;
        }
        world.end().await;
        world.tally.drafts = world.drafts().len() as u64;
        world.tally.calls = [&world.head, &world.field].iter().map(|server| server.stats().calls.values().sum::<u64>()).sum();
        Outcome { tally: world.tally, violations: world.violations, story: world.story.unwrap_or_default() }
    })
}

impl World {
    async fn round(&mut self) {
        // How long until the next round; what is begun must be committed before the overlap has passed.
        let pause = [30, 300, 900, 900, 1_800, 7_200, 40_000][self.random.below(7)];
        for shop in 0..self.shops.len() {
            self.at_branch(shop, pause);
        }
        for _ in 0..self.random.below(3) {
            self.by_people();
        }
        self.plan_faults();
        self.one_pass().await;
        self.end_late_calls();
        if self.twin.is_some() {
            self.twin_pass().await;
        }
        self.wait(pause);
    }

    fn at_branch(&mut self, shop: usize, pause: i64) {
        if self.random.below(5) > 0 {
            self.sell(shop);
        }
        if self.swarm.has(16) && self.random.below(2) == 0 {
            self.begin_order(shop);
            self.wait(20);
        }
        if self.swarm.has(18) && self.random.below(3) == 0 {
            self.draft_order(shop);
        }
        if self.swarm.has(17) && self.random.below(4) == 0 {
            self.close_sessions(shop);
        }
        if self.swarm.has(37) && self.random.below(3) == 0 {
            self.wait(2);
            self.change_order(shop);
        }
        if self.swarm.has(19) && self.random.below(5) == 0 {
            self.branch_backup(shop);
        }
        self.commit_orders(shop, false, pause);
    }

    fn by_people(&mut self) {
        let class = [22, 22, 22, 35, 27, 24, 21, 26, 28, 30, 20][self.random.below(11)];
        if !self.swarm.has(class) {
            return;
        }
        match class {
            22 => self.touch_draft(),
            35 => self.product_at_central(),
            27 => self.decide(),
            24 => self.ledger_backup(),
            21 => self.central_backup(),
            26 => self.twin(),
            28 => self.edit_settings(),
            30 => self.jump(),
            _ if self.swapped || self.random.below(2) == 0 => self.swap_branches(),
            _ => self.copied_branch(),
        }
    }

    async fn one_pass(&mut self) {
        let mut request = Request { now: self.random.below(2) == 0, ..Request::default() };
        if self.swarm.has(13) && self.random.below(8) == 0 {
            self.change_password();
        }
        if self.swarm.has(3) && self.random.below(6) == 0 {
            return self.pass_without_server(request).await;
        }
        if self.swarm.has(27) {
            match self.random.below(10) {
                0 => request.deliver_only = true,
                1 => request.receive_only = true,
                2 => request.from = Some(self.settings.from),
                _ => {}
            }
        }
        let kind = match self.random.below(4) {
            0 if self.swarm.has(2) => Kind::Killed,
            1 if self.swarm.has(26) && self.random.below(2) == 0 => Kind::Together,
            _ => Kind::Whole,
        };
        if kind == Kind::Together {
            self.fired(26);
        }
        self.pass(kind, request).await;
    }

    /// The faults end; people and machines do what is theirs; three passes, the checker, and one pass more.
    async fn end(&mut self) {
        self.tell(|| "the faults end".to_owned());
        self.twin = None;
        self.head.commit_late();
        if self.copied_branch {
            self.copied_branch();
        }
        if self.swapped {
            self.swap_branches();
        }
        for shop in 0..self.shops.len() {
            self.commit_orders(shop, true, 0);
        }
        if self.truth.central_restored {
            self.pass(Kind::Whole, Request::default()).await;
            self.check_central_lost();
            self.recreate_lost();
        }
        if self.truth.refused {
            self.retry_one_of_each();
            self.decide_all();
        }
        self.wait(76 * 60);
        self.clean_passes().await;
        self.check();
        self.idle_pass().await;
    }
}
