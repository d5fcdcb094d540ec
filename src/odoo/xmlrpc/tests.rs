use super::*;
use proptest::prelude::*;
use rust_decimal::Decimal;

fn reply(value: &str) -> String {
    format!("<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value>{value}</value>\n</param>\n</params>\n</methodResponse>\n")
}

fn read<T: DeserializeOwned>(value: &str) -> Result<T, Malformed> {
    super::value(reply(value).as_bytes())
}

fn json(value: &str) -> Json {
    read(value).unwrap()
}

#[test]
fn text_arrives_byte_for_byte() {
    let cases = [
        ("<string>M&#252;ller &amp; S&lt;x&gt; &quot;a&quot; ]]&gt;</string>", "Müller & S<x> \"a\" ]]>"),
        ("<string>  two  </string>", "  two  "),
        ("<string>   </string>", "   "),
        ("<string></string>", ""),
        ("<string/>", ""),
        ("abc &amp; d", "abc & d"),
        ("", ""),
        ("<string><![CDATA[a<b]]></string>", "a<b"),
        ("<string>a<!-- x -->b</string>", "ab"),
        ("<string>a&#13;&#10;b</string>", "a\r\nb"),
        ("<dateTime.iso8601>20261120T13:37:01</dateTime.iso8601>", "20261120T13:37:01"),
    ];
    for (wire, text) in cases {
        assert_eq!(json(wire), Json::String(text.to_owned()), "{wire}");
    }
}

#[test]
fn numbers_false_and_references_are_read_as_odoo_means_them() {
    assert_eq!(json("<i8>9007199254740993</i8>"), Json::from(9_007_199_254_740_993_i64));
    assert_eq!(json("<int> +7 </int>"), Json::from(7));
    assert_eq!(read::<Decimal>("<double>0.1</double>").unwrap().to_string(), "0.1");
    assert_eq!(read::<Decimal>("<double>21.830000000000002</double>").unwrap().to_string(), "21.830000000000002");
    assert_eq!(read::<Decimal>("<int>7</int>").unwrap(), Decimal::from(7));
    assert_eq!(read::<Decimal>("<double>1e-05</double>").unwrap().to_string(), "0.00001");
    assert_eq!(read::<Option<String>>("<boolean>0</boolean>").unwrap(), None);
    assert_eq!(
        read::<Option<(i64, String)>>("<array><data><value><int>3</int></value><value><string>x</string></value></data></array>").unwrap(),
        Some((3, "x".to_owned()))
    );
    assert_eq!(json("<array><data>\n<value><boolean>0</boolean></value>\n</data></array>"), serde_json::json!([false]));
    assert_eq!(
        json("<struct>\n<member>\n<name>a&amp;b</name>\n<value><nil/></value></member>\n</struct>"),
        serde_json::json!({"a&b": null})
    );
    assert_eq!(json("<array><data></data></array>"), serde_json::json!([]));
}

#[test]
fn what_is_not_a_plain_reply_is_refused() {
    let deep = |n: usize| format!("{}1{}", "<array><data><value>".repeat(n), "</value></data></array>".repeat(n));
    for value in [
        "<double>nan</double>",
        "<double>inf</double>",
        "<bigint>1</bigint>",
        "<string>a</int>",
        "<int>x</int>",
        "<string>&bad;</string>",
        "<string>a&#xD800;b</string>",
        &deep(10_000),
        &deep(100_000),
        "<int>99999999999999999999</int>",
        "<int>1</int>junk",
        "<boolean>maybe</boolean>",
        "<struct><member><name>$serde_json::private::RawValue</name><value>[1]</value></member></struct>",
    ] {
        assert!(read::<Json>(value).is_err(), "{}", cut(value, QUOTE));
    }
    assert!(read::<Decimal>("<double>nan</double>").is_err());
    assert!(read::<(i64, String)>("<array><data><value><int>3</int></value><value>x</value><value>y</value></data></array>").is_err());
    assert!(read::<Json>(&deep(60)).is_ok());
    let whole = reply("<int>1</int>");
    for body in [
        "",
        "<html><body>Bad Gateway</body></html>",
        "{\"error\":1}",
        &format!("{whole}<x/>"),
        &format!("<!DOCTYPE l [<!ENTITY a 'b'>]>{whole}"),
    ] {
        assert!(response::<Json>(body.as_bytes()).is_err(), "{body}");
    }
    assert!(
        response::<Json>(b"<methodResponse><params><param><value><string>\xff\xfe</string></value></param></params></methodResponse>")
            .is_err()
    );
}

#[test]
fn a_reply_cut_at_any_byte_is_refused() {
    let whole = reply("<struct><member><name>a</name><value><array><data><value>é</value></data></array></value></member></struct>");
    let body = whole.trim_end().as_bytes();
    for end in 0..body.len() {
        assert!(response::<Json>(&body[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn faults_keep_code_and_text() {
    let body = "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>2</int></value></member>\
                <member><name>faultString</name><value><string>No &lt;x&gt;</string></value></member><member><name>z</name><value>1</value></member></struct></value></fault></methodResponse>";
    assert!(matches!(response::<Json>(body.as_bytes()).unwrap(), Answer::Fault(2, text) if text == "No <x>"));
    assert_eq!(fault(body.as_bytes()), Some((2, "No <x>".to_owned())));
    assert!(super::value::<Json>(body.as_bytes()).unwrap_err().to_string().contains("No <x>"));
    assert_eq!(fault(reply("<string>fault</string>").as_bytes()), None);
}

#[test]
fn line_ends_are_read_as_odoo_reads_them() {
    assert_eq!(json("<string>a\r\nb\rc<![CDATA[\r\n]]>&#13;</string>"), serde_json::json!("a\nb\nc\n\r"));
    assert_eq!(json("a\r\nb"), serde_json::json!("a\nb"));
}

#[test]
fn control_characters_are_dropped_from_what_is_sent() {
    assert_eq!(clean("a\u{1}b\tc\u{FFFF}é😀"), "ab\tcé😀");
    assert_eq!(clean("a\r\nb\rc\n"), "a\nb\nc\n");
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        "\\PC{0,20}".prop_map(Json::String),
        "[ \t\n<>&\"']{0,8}".prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::Array),
            prop::collection::btree_map("\\PC{0,8}", inner, 0..5).prop_map(|m| Json::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back_the_same(value in any_json()) {
        let mut written = Vec::new();
        xmlrpc::Request::new("m").arg(encode(&value)).write_as_xml(&mut written).unwrap();
        let text = String::from_utf8(written).unwrap();
        let start = text.find("<value>").unwrap();
        let end = text.rfind("</value>").unwrap() + "</value>".len();
        let whole = format!("<methodResponse><params><param>{}</param></params></methodResponse>", &text[start..end]);
        let Answer::Value(read) = response::<Json>(whole.as_bytes()).unwrap() else { panic!("fault") };
        prop_assert_eq!(read, value);
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "[<>/a-z&;]{0,200}") {
        let _ = response::<Json>(&bytes);
        let _ = response::<Json>(reply(&text).as_bytes());
    }
}
