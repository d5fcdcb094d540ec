//! Sales by chance, the same ones for the same seed.

use super::sell::{Item, Sale};

/// A small generator of numbers (SplitMix64): the same seed sells the same things for ever.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.draw() % bound.max(1) as u64) as usize
    }

    /// One of some texts.
    pub fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// A sale like those of a furniture shop, with so many lines (0: one to six).
pub fn random_sale(random: &mut Random, articles: usize, lines: usize) -> Sale {
    let mut sale = Sale::new();
    let lines = if lines == 0 { 1 + random.below(6) } else { lines };
    for _ in 0..lines {
        let code = format!("ART-{:04}", 1 + random.below(articles.max(1)));
        let qty = random.one_of(&["1", "1", "1", "2", "3", "0.5", "0.125"]);
        let discount = random.one_of(&["0", "0", "0", "10", "33.33"]);
        sale = sale.line(Item::new(&code).qty(qty).discount(discount));
    }
    if random.below(4) == 0 {
        sale = sale.partner(&format!("C{:03}", 1 + random.below(5)));
    }
    if random.below(8) == 0 {
        sale = sale.note("gift ✂ <b>&");
    }
    sale.cashier(random.one_of(&["anna", "ben"]))
}
