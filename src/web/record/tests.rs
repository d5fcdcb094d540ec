use axum::http::StatusCode;
use secrecy::SecretString;

use super::*;
use crate::demo::{Central, OdooServer};
use crate::model::CentralId;
use crate::secret::{KeyRing, bound};
use crate::store::{Conclusion, Sealed, TrailFilter, Verdict};
use crate::web::log::tests::waits;
use crate::web::testing::{Stage, settings};

#[tokio::test]
async fn a_record_tells_its_story_its_problem_and_its_receipt() {
    let stage = Stage::new();
    let id = waits(&stage.store, "tirana", 8, "2601-1-000008", "Tote bag");
    let page = stage.get(Role::Viewer, &format!("/record/{id}")).await;
    assert_eq!(page.status, StatusCode::OK);
    for text in [
        "2601-1-000008",
        "<span class=\"badge bad\">failed</span>",
        "What it means",
        "the people at central",
        "Tote bag",
        "[BAG01] · to go",
        "VAT &#60;20%&#62;",
        "18.00",
        "1,234.50 EUR",
        "Paid: Cash",
        "1,240.00 EUR",
        "5.50 EUR",
        "Anna",
        "2026-11-20 11:00 CET",
        "https://tirana.example.com/web#id=8&#38;model=pos.order&#38;view_type=form",
        "&#34;pos_reference&#34;: &#34;2601-1-000008&#34;",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    assert!(!page.text.contains("method=\"post\" action=\"/record"), "a viewer looks");
    for nothing in ["/record/99", "/record/x", "/record/-1", "/record/99999999999999999999"] {
        assert_eq!(stage.get(Role::Viewer, nothing).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    let german = stage.get_in(Role::Operator, &format!("/record/{id}"), "de").await.text;
    for text in ["Datensatz 1", "Was im Weg steht", "die Leute der Zentrale", "fehlgeschlagen", "1.234,50 EUR", "Erneut versuchen"] {
        assert!(german.contains(text), "{text}: {german}");
    }
}

#[tokio::test]
async fn a_record_is_tried_again_ignored_with_a_reason_and_written_anew() {
    let stage = Stage::new();
    let id = waits(&stage.store, "tirana", 8, "R-8", "Bag");
    let path = |action: &str| format!("/record/{id}{action}");
    let state = || stage.store.story(id).unwrap().unwrap().entry.state;
    let answer = stage.post(Role::Operator, &path("/retry"), &[]).await;
    assert_eq!(answer.location, Some(path("")));
    assert_eq!(state(), State::Pending);
    assert_eq!(stage.store.take_wishes().unwrap().len(), 1);
    stage.post(Role::Operator, &path("/ignore"), &[("reason", " ")]).await;
    assert_eq!(state(), State::Pending, "not without a reason");
    stage.post(Role::Operator, &path("/ignore"), &[("reason", "a <b>test</b>")]).await;
    assert_eq!(state(), State::Ignored);
    assert!(stage.get(Role::Viewer, &path("")).await.text.contains("a &#60;b&#62;test"));
    stage.post(Role::Operator, &path("/retry"), &[("recreate", "1")]).await;
    let done = Verdict::Done { id: CentralId::new(77), name: "S00077".to_owned(), adjusted: None };
    stage.store.conclude(&[Conclusion { record: id, waited_for: None, verdict: done, judged: None }], 5, Timestamp::now()).unwrap();
    let page = stage.get(Role::Operator, &path("")).await.text;
    assert!(page.contains("https://erp.example.com/web#id=77&#38;model=sale.order&#38;view_type=form"), "{page}");
    assert!(
        page.contains("Written to central as S00077")
            && page.contains("<button title=\"If it was deleted")
            && !page.contains("<button class=\"main\">Try again")
    );
    stage.post(Role::Operator, &path("/retry"), &[]).await;
    assert_eq!(state(), State::Done, "what is done is not replayed");
    stage.post(Role::Operator, &path("/retry"), &[("recreate", "1")]).await;
    assert_eq!(state(), State::Pending, "unless somebody says so");
    let actions: Vec<String> = stage.store.trail(&TrailFilter::default()).unwrap().into_iter().map(|done| done.action).collect();
    assert_eq!(actions, ["recreate", "retry", "ignore", "retry"]);
}

#[tokio::test]
async fn a_product_is_mapped_on_the_spot_to_what_central_has() {
    let server = OdooServer::start().await.unwrap();
    let central = server.central("central", &Central::default());
    let stage = Stage::with(&settings("").replace("https://erp.example.com", &server.url()));
    let endpoint = &stage.config.central.endpoint;
    let password = SecretString::from("bridge");
    let sealed = KeyRing::load(&stage.config.state).unwrap().seal("central", "password", &bound(&endpoint.url, &endpoint.user), &password);
    let (owner, field) = ("central".to_owned(), "password".to_owned());
    stage.store.put_secrets(&[Sealed { owner, field, sealed: sealed.unwrap(), updated_at: Timestamp::now() }]).unwrap();
    let ids: Vec<i64> = (1..=3).map(|id| waits(&stage.store, "tirana", id, &format!("R-{id}"), "Tote bag")).collect();
    let path = format!("/record/{}", ids[0]);
    let page = stage.get(Role::Operator, &path).await.text;
    assert!(page.contains("Which product of central is [BAG01] Tote bag?") && page.contains("name=\"q\" value=\"Tote bag\""), "{page}");
    assert!(!stage.get(Role::Viewer, &format!("{path}?m=product.product&b=31&q=art")).await.text.contains("This one"));
    let found = stage.get(Role::Operator, &format!("{path}?m=product.product&b=31&q=art-0007")).await.text;
    let product = central.find("product.product", "default_code", "ART-0007").unwrap();
    assert!(found.contains(&format!("name=\"c\" value=\"{}\"", product.id)) && found.contains("This one"), "{found}");
    assert!(!found.contains("data-live"), "a search is not repeated by itself");
    let none = stage.get(Role::Operator, &format!("{path}?m=product.product&b=31&q=nothing%20like%20this")).await.text;
    assert!(none.contains("Central has nothing like this"));
    let choose =
        async |m: &str, b: &str, c: &str| stage.post(Role::Operator, &format!("{path}/map"), &[("m", m), ("b", b), ("c", c)]).await;
    choose("product.product", "31", "999999").await;
    choose("res.users", "1", "1").await;
    choose("product.product", "32", &product.id.to_string()).await;
    let waiting = || stage.store.log(&Filter { state: Some(State::Failed), ..Filter::default() }).unwrap().len();
    assert_eq!(waiting(), 3, "neither what central does not offer nor what nothing waits for");
    let answer = choose("product.product", "31", &product.id.to_string()).await;
    assert_eq!(answer.location, Some(path.clone()));
    assert_eq!(waiting(), 0, "all that wait for it go");
    let branch = BranchCode::new("tirana").unwrap();
    assert_eq!(stage.store.chosen(&branch, "product.product", &[31]).unwrap()[&31], product.id);
    let said = stage.get(Role::Operator, &path).await.text;
    assert!(said.contains("3 records go on") && said.contains("says operator"), "{said}");
    let trail = stage.store.trail(&TrailFilter::default()).unwrap();
    assert_eq!((trail[0].action.as_str(), trail[0].record), ("map", Some(ids[0])));
    // An Odoo that is away is told as such, and the page stays a page.
    drop(server);
    let id = waits(&stage.store, "durres", 9, "R-9", "Tote bag");
    let away = stage.get(Role::Operator, &format!("/record/{id}?m=product.product&b=31&q=x")).await;
    assert!(away.status == StatusCode::OK && away.text.contains("role=\"alert\""), "{}", away.text);
}

#[test]
fn what_was_kept_in_words_is_told_in_german() {
    for (kept, german) in [
        ("Written to central as S00042", "In die Zentrale geschrieben als S00042"),
        (
            "Written to central as S1, with an adjustment line of -0.01",
            "In die Zentrale geschrieben als S1, mit einer Ausgleichszeile von -0.01",
        ),
        ("Retry asked for", "Neuer Versuch verlangt"),
        ("Ignored: {} test", "Ignoriert: {} test"),
        ("[BAG01] Bag is Tote bag at central, says anna", "[BAG01] Bag ist Tote bag in der Zentrale, sagt anna"),
        ("Changed at the branch (id 7): Name a -> b", "In der Filiale geändert (id 7): Name a -> b"),
        ("Something else", "Something else"),
    ] {
        assert_eq!(told(kept, Language::German), german);
        assert_eq!(told(kept, Language::English), kept);
    }
}
