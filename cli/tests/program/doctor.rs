//! `ocelli doctor`.

use crate::process::{command, finish, ocelli};

#[test]
fn this_machine_passes() {
    let text = ocelli(&["doctor"]).ok();
    for word in ["version", "instructions", "offered", "cores", "memory", "OCELLI_ISA", "cuda  ", "self-test    passed"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    let json = ocelli(&["doctor", "--json"]).json();
    assert_eq!(json["self_test"]["ok"], true);
    assert_eq!(json["self_test"]["answer"], "blue");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    // A machine without a driver is told why; one with it has a version.
    assert!(json["cuda"]["devices"].is_array(), "{json}");
    assert_ne!(json["cuda"]["driver"].is_string(), json["cuda"]["why"].is_string(), "{json}");
    let offered = json["isas_offered"].as_array().unwrap();
    assert!(offered.contains(&json["isa"]) && offered.contains(&"scalar".into()), "{json}");
    #[cfg(target_os = "linux")]
    assert!(json["memory"]["total"].as_u64() >= json["memory"]["available"].as_u64(), "{json}");
}

#[test]
fn the_environment_is_honoured() {
    let ended = finish(command(&["doctor", "--json"]).env("OCELLI_ISA", "scalar"), "");
    let json = ended.json();
    assert_eq!((&json["isa"], &json["environment"]["OCELLI_ISA"]), (&"scalar".into(), &"scalar".into()));
    let ended = finish(command(&["doctor"]).env("OCELLI_ISA", "mmx"), "");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("self-test    failed") && ended.err.contains("error[isa]"), "{ended:?}");
}
