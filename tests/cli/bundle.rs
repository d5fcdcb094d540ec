//! What is handed to others: everything that helps, and nothing that is anybody's.

use crate::place::{Place, odoo};

/// Stands in every place where a name, a password or an address can stand.
const CANARY: &str = "canary";

/// Settings with a canary in every text.
fn settings(url: &str) -> String {
    let host = url.replace("http://", "");
    format!(
        "state = \"state\"\n[central]\nurl = \"{url}\"\ndatabase = \"central\"\nuser = \"bridge\"\ncompany = \"Canary Holding\"\n\
         ca_file = \"/home/canary/ca.pem\"\n\
         [defaults]\ntimezone = \"Europe/Tirane\"\novertime = \"canary\"\n[branch.tirana]\nname = \"Canary Centre\"\nurl = \"http://canary@{host}/canary\"\ndatabase = \"canary\"\n\
         user = \"mirela@canary.example\"\nevery = \"20m\"\nfrom = 2020-01-01\nshops = [\"Canary Shop\"]\ncustomer = \"Mirela Canary\"\n\
         warehouse = \"CANARY\"\npricelist = \"Canary\"\nteam = \"Canary\"\nsalesperson = \"canary@example.com\"\npassword = \"canary\"\n\
         timeout = \"canary@example.com\"\nrounding = {{ product = \"CANARY\", limit = \"0.05\" }}\n\
         [branch.tirana.salespeople]\n\"canary\" = \"canary@example.com\"\n[branch.tirana.taxes]\n\"Canary\" = \"Canary\"\n\
         [branch.tirana.products]\n\"Canary\" = \"\"\n[branch.tirana.send.products]\ndomain = \"[('name', '=', 'Canary')]\"\n\
         [alerts]\nto = [\"mirela@canary.example\"]\nwebhook = \"https://hooks.example.com/canary\"\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_tells_what_helps_and_nothing_that_is_anybodys() {
    let (server, ..) = odoo(3).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    assert_eq!(place.run(&["receive"]).status, 0);
    let ledger = place.ledger();
    // Every text that came from somewhere. What posbridge writes itself (states, causes, codes, times) stays.
    ledger
        .execute_batch(
            "UPDATE record SET witness = 'canary-' || id, reference = 'Canary', central_name = 'Canary', reason = 'Canary', note = 'Canary',
                 amount_total = '31.4159', amount_tax = '31.4159', currency = 'CANARY', date_order = 'canary', write_date = 'canary', waits_for = 'product_not_found canary',
                 problems = '[{\"ProductNotFound\":{\"product\":\"canary\"}}]', cause = 'product_not_found', state = 'failed' WHERE id = 1;
             UPDATE record SET payload = 'canary';
             UPDATE content SET payload = '{\"canary\":1}', changed = 'canary';
             UPDATE attempt SET message = 'Canary', problem = 'canary';
             UPDATE endpoint SET url = 'canary', database = 'canary', login = 'canary', fields = 'canary', cursor = 'canary', asked = 'canary',
                 whole_cursor = 'canary';
             INSERT INTO notice VALUES ('tirana', 'branch_cloned', 'canary');
             INSERT INTO person VALUES (7, 'canary', 'admin', 'canary', 0, NULL, 0);
             INSERT INTO trail VALUES (7, 0, 'canary', 'canary', 'canary', 1, 'canary');
             INSERT INTO paused VALUES ('canary', 0, 'canary', 'canary');
             UPDATE branch_record SET data = 'canary';
             UPDATE secret SET sealed = 'canary';
             INSERT INTO sent VALUES ('tirana', 'product', 1, 1, 'canary', 1, 0, 'canary', 'canary');
             UPDATE binding SET central_made = 'canary';",
        )
        .expect("ours");
    let seal: String = ledger.query_row("SELECT min(sealed) FROM secret", [], |row| row.get(0)).expect("one");
    assert_eq!(seal, CANARY);
    drop(ledger);
    std::fs::write(place.path("state/canary.txt"), "canary").expect("ours");
    let key = std::fs::read_to_string(place.path("state/secret.key")).expect("a key");
    let key = key.split_whitespace().last().expect("a key").to_lowercase();

    // With the settings as they should be, and with a canary in each text, which makes them wrong.
    let sound = std::fs::read_to_string(place.path("branches.toml")).expect("ours");
    for (settings, valid) in [(sound, true), (settings(&server.url()), false)] {
        place.write(&settings);
        let ran = place.run(&["support-bundle"]);
        assert_eq!(ran.status, 0, "{}", ran.told());
        let bundle = ran.json();
        let text = ran.out.to_lowercase();
        let leaks: Vec<&str> = [CANARY, "mirela", "31.4159", "walk-in", "example.com", &key, "2601-1"]
            .into_iter()
            .filter(|word| text.contains(word))
            .collect();
        assert_eq!(leaks, Vec::<&str>::new(), "{}", ran.out);
        assert_eq!(bundle["posbridge"], env!("CARGO_PKG_VERSION"));
        assert_eq!(bundle["settings"]["complaints"].as_array().expect("a list").is_empty(), valid, "{}", ran.out);
        if valid {
            assert_eq!(bundle["ledger"]["schema_version"], 8);
            assert_eq!(bundle["ledger"]["rows"]["record"], 3);
            let failed = bundle["ledger"]["records"].as_array().expect("a list").iter().find(|row| row["state"] == "failed").expect("one");
            assert_eq!((&failed["cause"], &failed["count"], &failed["branch"]), (&"product_not_found".into(), &1.into(), &"tirana".into()));
            assert_eq!(bundle["last_passes"][0]["branch"], "tirana");
            assert!(bundle["files"].as_array().expect("a list").iter().any(|file| file["name"] == "secret.key" && file["mode"] == "600"));
            assert_eq!(bundle["settings"]["written"]["branch"]["tirana"]["from"], "2020-01-01");
            assert_eq!(bundle["settings"]["written"]["central"]["url"]["kind"], "loopback");
        } else {
            assert_eq!(bundle["settings"]["written"]["branch"]["tirana"]["every"], "20m");
            assert_eq!(bundle["settings"]["written"]["branch"]["tirana"]["rounding"]["limit"], "0.05");
            assert_eq!(bundle["settings"]["written"]["branch"]["tirana"]["salespeople"]["entries"], 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_is_made_of_a_damaged_ledger_too_and_never_written_over_a_file() {
    let (server, ..) = odoo(1).await;
    let place = Place::sealed(&server.url(), &server.url(), "20s");
    assert_eq!(place.run(&["receive"]).status, 0);
    std::fs::write(place.path("state/posbridge.sqlite"), "no database").expect("ours");
    let ran = place.run(&["support-bundle", "bundle.json"]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    let bundle = std::fs::read_to_string(place.path("bundle.json")).expect("written");
    assert!(bundle.contains("STATE/posbridge.sqlite cannot be used"), "{bundle}");
    assert!(!bundle.contains(&place.path("").display().to_string()), "{bundle}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(place.path("bundle.json")).expect("there").permissions().mode() & 0o777, 0o600);
    let again = place.run(&["support-bundle", "bundle.json"]);
    assert!(again.status == 1 && again.err.contains("cannot be written"), "{}", again.told());
    assert_eq!(std::fs::read_to_string(place.path("bundle.json")).expect("there"), bundle);
}
