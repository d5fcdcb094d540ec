//! Who may do what: the scenarios all run with the least rights; here some are missing.

use serde_json::json;

use crate::rig::{Bridge, Rig, SOLD, Start, begin, secret};

fn groups(rig: &Rig, database: &str, names: &[&str]) {
    groups_of(rig, database, "bridge", names);
}

/// Gives a user exactly these groups.
pub fn groups_of(rig: &Rig, database: &str, login: &str, names: &[&str]) {
    let group = |name: &&str| {
        let (module, name) = name.split_once('.').expect("module.name");
        rig.number(
            database,
            &format!("select res_id from ir_model_data where model = 'res.groups' and module = '{module}' and name = '{name}'"),
        )
    };
    let ids: Vec<i64> = names.iter().map(group).collect();
    let user = rig.search(database, "res.users", json!([["login", "=", login]]));
    rig.write(database, "res.users", &user, json!({"group_ids": [[6, 0, ids]]}));
}

#[test]
fn api_keys_work_as_passwords() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1", "branch2"]);
    for (owner, key) in [("central", "CENTRAL_API_KEY"), ("branch1", "BRANCH1_API_KEY"), ("branch2", "BRANCH2_API_KEY")] {
        bridge.password(owner, rig.fact(key));
    }
    bridge.install();
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
}

/// A branch goes from its password to an API key while it is called: nothing is received late or twice, and nobody has to be there.
#[test]
fn a_key_takes_the_place_of_a_password_and_its_end_is_told_ahead() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1", "branch2"]);
    bridge.set("branch1", "protocol", "\"auto\"");
    bridge.password("branch1", rig.fact("BRANCH_PASSWORD"));
    bridge.install();
    let step = |name: &str| {
        let checked = bridge.run(&["check", "branch1"]);
        let sides = checked.json["sides"].as_array().cloned().unwrap_or_default();
        let of_branch = sides.into_iter().find(|side| side["side"] == "branch1").unwrap_or_else(|| panic!("{checked:?}"));
        let steps = of_branch["steps"].as_array().cloned().unwrap_or_default();
        steps.into_iter().find(|step| step["step"] == name).unwrap_or_else(|| panic!("no step {name}: {of_branch}"))
    };
    bridge.receive().expect(0);
    let by_password = step("protocol");
    assert_eq!(by_password["result"], "warning", "XML-RPC ends: {by_password}");
    bridge.seal(&["secret", "set", "branch1", "--next"], rig.fact("BRANCH1_API_KEY"));
    rig.sell("branch1", 2, &["--mix", "three-lines", "--seed", "61"]);
    bridge.receive().expect(0);
    assert_eq!(step("protocol")["result"], "warning", "the password still lets in");

    let user = rig.search("branch1", "res.users", json!([["login", "=", "bridge"]]));
    rig.write("branch1", "res.users", &user, json!({"password": "changed by its administrator"}));
    rig.sell("branch1", 2, &["--mix", "three-lines", "--seed", "62"]);
    bridge.receive().expect(0);
    let by_key = step("protocol");
    assert_eq!((&by_key["result"], &by_key["what"]), (&json!("ok"), &json!("Called over JSON-2, with an API key")));
    rig.compare(&bridge, 2 * SOLD + 4, &[]);

    let ends = |when: &str| rig.sql("branch1", &format!("update res_users_apikeys set expiration_date = {when} where name = 'posbridge'"));
    ends("now() at time zone 'utc' + interval '13 days'");
    assert_eq!(step("key")["result"], "warning");
    let status = bridge.run(&["status"]);
    assert_eq!(status.json["keys"][0]["owner"], "branch1", "{status:?}");
    ends("now() at time zone 'utc' - interval '1 minute'");
    rig.sell("branch1", 2, &["--mix", "three-lines", "--seed", "63"]);
    assert_eq!(bridge.receive().expect(3).branch("branch1")["cause"], json!("key_expired"));
    bridge.seal(&["secret", "set", "branch1"], rig.fact("BRANCH1_SENDER_API_KEY"));
    assert_eq!(bridge.receive().expect(3).branch("branch1")["cause"], json!("key_of_another"));
    ends("null");
    bridge.seal(&["secret", "set", "branch1"], rig.fact("BRANCH1_API_KEY"));
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD + 6, &[]);
}

#[test]
fn a_right_missing_at_a_branch_is_named_with_the_group_to_give() {
    let rig = begin(Start::Sold);
    let bridge = Bridge::ready(&rig, rig.url());
    groups(&rig, "branch1", &["point_of_sale.group_pos_user"]);
    let run = bridge.receive().expect(3);
    assert_eq!(run.branch("branch1")["cause"], json!("right_missing"), "{run:?}");
    assert!(run.branch("branch1")["next_step"].as_str().is_some_and(|text| text.contains("Role / User")), "{run:?}");
    assert_eq!(run.count("branch2", "delivered"), SOLD, "the other branch is complete");
    assert_eq!(bridge.log(&["--branch", "branch2"]).len(), SOLD);

    groups(&rig, "branch1", &["point_of_sale.group_pos_user", "base.group_user"]);
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
}

#[test]
fn a_right_missing_at_central_is_named_and_nothing_is_lost() {
    let rig = begin(Start::Sold);
    let bridge = Bridge::ready(&rig, rig.url());
    groups(&rig, "central", &["base.group_user"]);
    let run = bridge.receive().expect(3);
    for branch in ["branch1", "branch2"] {
        assert_eq!(run.branch(branch)["cause"], json!("right_missing"), "{run:?}");
        assert!(run.branch(branch)["next_step"].as_str().is_some_and(|text| text.contains("Sales / User: All Documents")), "{run:?}");
        assert_eq!(["new", "delivered"].map(|what| run.count(branch, what)), [SOLD, 0], "read and kept");
    }
    rig.assert_drafts(0);
    groups(&rig, "central", &["base.group_user", "sales_team.group_sale_salesman_all_leads"]);
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);
}

#[test]
fn a_wrong_password_and_an_unknown_database_say_so() {
    let rig = begin(Start::Sold);
    let mut bridge = Bridge::new(&rig, rig.url(), &["branch1", "branch2"]);
    bridge.password("branch1", "not-this-one");
    bridge.install();
    let run = bridge.receive().expect(3);
    assert_eq!(run.branch("branch1")["cause"], json!("password_refused"), "{run:?}");
    assert_eq!(run.count("branch2", "delivered"), SOLD);
    assert!(!format!("{run:?}").contains("not-this-one"), "no password is shown");

    bridge.password("branch1", secret(&rig, "branch1"));
    bridge.set("branch1", "database", "\"nowhere\"");
    bridge.install();
    let run = bridge.receive().expect(3);
    assert_eq!(run.branch("branch1")["cause"], json!("database_unknown"), "{run:?}");

    bridge.set("branch1", "database", "\"branch1\"");
    bridge.set("central", "database", "\"nowhere\"");
    bridge.install();
    let run = bridge.receive().expect(3);
    assert_eq!(run.count("branch1", "new"), SOLD, "read and kept: {run:?}");
    assert_eq!(run.branch("branch1")["cause"], json!("database_unknown"), "{run:?}");

    bridge.set("central", "database", "\"central\"");
    bridge.install();
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD, &[]);

    // Who was let in before is told that something changed.
    bridge.password("central", "expired");
    bridge.install();
    rig.sell("branch1", 2, &["--mix", "three-lines", "--seed", "51"]);
    let run = bridge.receive().expect(3);
    assert_eq!(run.branch("branch1")["cause"], json!("key_expired"), "{run:?}");
    bridge.password("central", secret(&rig, "central"));
    bridge.install();
    bridge.receive().expect(0);
    rig.compare(&bridge, 2 * SOLD + 2, &[]);
}
