//! API keys and passwords that are changed for others.

use posbridge::demo::Db;

use crate::place::{Place, odoo};
use crate::told;

/// A key of the bridge's user that ends so many days from now; the day.
fn key_ends(db: &Db, days: i64) -> String {
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(days * 24);
    let user = db.find("res.users", "login", "bridge").expect("seeded").id;
    let until = ends.strftime("%F %T").to_string();
    let key = [("name", "bridge".into()), ("user_id", user.into()), ("scope", "rpc".into()), ("expiration_date", until.into())];
    db.insert("res.users.apikeys", key).expect("known");
    ends.strftime("%F").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_ends_soon_stands_in_the_status() {
    let (server, central, tirana) = odoo(1).await;
    let place = Place::sealed(&server.url(), &server.url(), "5s");
    let soon = key_ends(&tirana, 13);
    key_ends(&central, 15);
    assert_eq!(place.run(&["check"]).status, 0);
    assert_eq!(place.run(&["receive"]).status, 0);
    let status = place.run(&["status"]);
    assert_eq!(status.status, 0, "nothing waits yet: {}", status.told());
    let keys = status.out.split("\n\n").skip(1).collect::<Vec<_>>().join("\n\n");
    told!("status_key_ends", place, &keys);
    let json = place.run(&["status", "--json"]).json();
    let keys = json["keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 1, "central's is not within two weeks: {keys:?}");
    assert_eq!(keys[0]["owner"], "tirana");
    assert!(keys[0]["ends_at"].as_str().is_some_and(|at| at.starts_with(&soon)), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_password_waits_beside_the_one_in_use_and_takes_its_place() {
    let (server, _central, tirana) = odoo(2).await;
    let place = Place::with(&crate::place::settings(&server.url(), &server.url(), "5s"));
    place.seal("central");
    let too_early = place.run_with(&["secret", "set", "tirana", "--next"], "bridge-key\n");
    assert_eq!(too_early.status, 1);
    told!("secret_next_without_a_first", place, &too_early.told());
    place.seal("tirana");
    let set = place.run_with(&["secret", "set", "tirana", "--next"], "changed-key\n");
    assert_eq!(set.status, 0);
    told!("secret_next", place, &set.told());
    told!("secret_list_next", place, &place.run(&["secret", "list"]).told());
    assert_eq!(place.run(&["receive"]).status, 0);
    assert!(place.run(&["secret", "list"]).out.contains("the next one"), "the one in use still lets in");

    tirana.set_password("bridge", "changed");
    let received = place.run(&["receive"]);
    assert_eq!(received.status, 0, "{}", received.told());
    assert!(!place.run(&["secret", "list"]).out.contains("the next one"));
    assert_eq!(place.run(&["receive"]).status, 0);
    assert_eq!(place.count("done"), 2);
}
