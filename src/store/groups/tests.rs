//! What a group counts, and how far it looks.

use rusqlite::params;

use super::*;

/// A ledger in which records wait: how many, in which branch, for which product.
fn ledger(waiting: &[(usize, &str, &str)]) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    store
        .write(|db| {
            let mut id = 0;
            for (count, branch, code) in waiting {
                let problem = Problem::ProductNotFound { name: "Bag".to_owned(), barcode: None, default_code: Some((*code).to_owned()) };
                for _ in 0..*count {
                    id += 1;
                    db.prepare_cached(
                        "INSERT INTO record (id, branch, direction, kind, remote_id, witness, reference, state, problems, cause, waits_for,
                             write_date, content_hash, payload, rows, date_order, amount_total, amount_tax, currency, created_at, updated_at)
                         VALUES (?1, ?2, 'receive', 'order', ?1, 'w', 'r', 'failed', ?3, ?4, ?5, '', '', '', 1, '', '0', '0', 'EUR', ?1, ?1)",
                    )?
                    .execute(params![id, branch, crate::store::json_text(&[&problem]), problem.cause(), problem.key()])?;
                }
            }
            Ok(())
        })
        .unwrap();
    (dir, store)
}

fn told(groups: &Groups) -> Vec<(&str, usize, bool)> {
    groups.groups.iter().map(|group| (group.waits_for.as_str(), group.records, group.at_least)).collect()
}

#[test]
fn the_largest_group_comes_first_with_its_branches_and_its_oldest() {
    let (_dir, store) =
        ledger(&[(2, "durres", "A"), (3, "tirana", "B"), (1, "b3", "B"), (1, "b4", "B"), (1, "b5", "B"), (1, "b6", "B"), (1, "b7", "B")]);
    let groups = store.waiting_groups(&PageFilter::default()).unwrap();
    assert_eq!(told(&groups), [("product_not_found:[B]", 8, false), ("product_not_found:[A]", 2, false)]);
    assert!(!groups.more);
    let first = &groups.groups[0];
    assert_eq!((first.branches.join(" "), first.more_branches), ("b3 b4 b5 b6 b7".to_owned(), 1));
    assert_eq!(first.oldest.as_second(), 3);
    let of = |filter: PageFilter| store.waiting_groups(&filter).unwrap().groups.len();
    assert_eq!(of(PageFilter { branch: Some("durres".to_owned()), ..PageFilter::default() }), 1);
    assert_eq!(of(PageFilter { cause: Some("product_not_found".to_owned()), ..PageFilter::default() }), 2);
    assert_eq!(of(PageFilter { cause: Some("product".to_owned()), ..PageFilter::default() }), 0, "a part of a cause is none");
    assert_eq!(of(PageFilter { state: Some(State::Held), ..PageFilter::default() }), 0);
    assert_eq!(of(PageFilter { direction: Some(Direction::Send), ..PageFilter::default() }), 0);
}

#[test]
fn however_much_waits_only_so_much_is_looked_at_and_it_says_so() {
    let (_dir, store) = ledger(&[(COUNTED + 5, "tirana", "A"), (2, "tirana", "Z")]);
    let groups = store.waiting_groups(&PageFilter::default()).unwrap();
    assert_eq!(
        told(&groups),
        [("product_not_found:[A]", COUNTED, true), ("product_not_found:[Z]", 2, false)],
        "and the next is seen all the same"
    );
    let in_branch = PageFilter { branch: Some("tirana".to_owned()), ..PageFilter::default() };
    assert!(store.waiting_groups(&in_branch).unwrap().more);
    let many: Vec<(usize, String)> = (0..GROUPS_LOOKED + 5).map(|n| (1, format!("P{n:04}"))).collect();
    let many: Vec<(usize, &str, &str)> = many.iter().map(|(count, code)| (*count, "tirana", code.as_str())).collect();
    let (_dir, store) = ledger(&many);
    let groups = store.waiting_groups(&PageFilter::default()).unwrap();
    assert_eq!((groups.groups.len(), groups.more), (GROUPS, true));
}

#[test]
fn groups_are_found_by_index_alone() {
    let (_dir, store) = ledger(&[]);
    for sql in [NEXT, MEMBERS, OF_BRANCH] {
        let plan = crate::store::pages::tests::plan(&store, sql);
        assert!(plan.len() == 1 && plan[0].starts_with("SEARCH record USING"), "{sql}: {plan:?}");
    }
    for sql in [NEXT, MEMBERS] {
        assert!(crate::store::pages::tests::plan(&store, sql)[0].contains("COVERING"), "not a row is read");
    }
}
