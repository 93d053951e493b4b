//! Which fields of a pod count, and whose an address is when several claim it.

use proptest::prelude::*;

use super::super::directory::{Extent, MOST_ADDRESSES, MOST_STRANGERS};
use super::super::pod::{Event, event, list_version};
use super::*;
use crate::who::Failure;

/// A directory with these pods, as one that is told of every change.
fn with(pods: &[Value]) -> Directory {
    let directory = Directory::new(Duration::from_secs(60));
    let pods: Vec<_> = pods.iter().map(read).collect();
    directory.publish(pods.iter());
    directory.hear(true);
    directory
}

#[test]
fn a_pod_is_known_by_each_of_its_addresses() {
    let directory = with(&[written("web-1", &["10.1.0.9", "fd00::9"])]);
    assert_eq!(name(&directory, "10.1.0.9"), "shop/web-1/web");
    assert_eq!(name(&directory, "fd00::9"), "shop/web-1/web");
    assert_eq!(name(&directory, "::ffff:10.1.0.9"), "shop/web-1/web");
    assert_eq!(name(&directory, "10.1.0.10"), "unknown");
    let who = directory.of(ip("10.1.0.9")).unwrap();
    assert_eq!((&*who.namespace, &*who.pod, who.container.as_deref()), ("shop", "web-1", Some("web")));
}

#[test]
fn the_container_is_named_only_if_there_is_no_other() {
    let two = json!([{ "name": "web" }, { "name": "proxy" }]);
    assert_eq!(
        name(&with(&[changed(written("web-1", &["10.1.0.9"]), &[("/spec/containers", two)])]), "10.1.0.9"),
        "shop/web-1"
    );
    let none = Value::Null;
    assert_eq!(
        name(&with(&[changed(written("web-1", &["10.1.0.9"]), &[("/spec/containers", none)])]), "10.1.0.9"),
        "shop/web-1"
    );
}

#[test]
fn the_addresses_of_the_node_are_no_pods() {
    let on_host = changed(written("proxy", &["192.0.2.7"]), &[("/spec/hostNetwork", json!(true))]);
    let odd = written("odd", &["192.0.2.7", "10.1.0.3"]);
    for pods in [[on_host.clone(), odd.clone()], [odd, on_host]] {
        let directory = with(&pods);
        assert_eq!(name(&directory, "192.0.2.7"), "host");
        assert_eq!(name(&directory, "2001:db8::7"), "host");
        assert_eq!(name(&directory, "10.1.0.3"), "shop/odd/web");
        assert_eq!(name(&directory, "127.0.0.1"), "host");
        assert_eq!(directory.of(ip("192.0.2.7")), None);
    }
}

#[test]
fn a_pod_that_has_ended_holds_no_address() {
    for phase in ["Succeeded", "Failed"] {
        let job = changed(
            written("job", &["10.1.0.9"]),
            &[("/status/phase", json!(phase)), ("/status/startTime", json!("2026-11-27T05:00:00Z"))],
        );
        assert_eq!(name(&with(std::slice::from_ref(&job)), "10.1.0.9"), "unknown");
        let web = written("web-1", &["10.1.0.9"]);
        assert_eq!(name(&with(&[job, web]), "10.1.0.9"), "shop/web-1/web");
    }
}

#[test]
fn of_two_that_claim_an_address_it_is_the_later_that_runs() {
    let old = written("old", &["10.1.0.9"]);
    let new = changed(written("new", &["10.1.0.9"]), &[("/status/startTime", json!("2026-11-27T04:13:00Z"))]);
    let waiting = changed(
        new.clone(),
        &[("/metadata/name", json!("waiting")), ("/metadata/uid", json!("w")), ("/status/phase", json!("Pending"))],
    );
    for pods in
        [vec![old.clone(), new.clone()], vec![new.clone(), old.clone()], vec![waiting.clone(), new, old.clone()]]
    {
        assert_eq!(name(&with(&pods), "10.1.0.9"), "shop/new/web");
    }
    assert_eq!(name(&with(&[waiting.clone(), old]), "10.1.0.9"), "shop/old/web");
    assert_eq!(name(&with(&[waiting]), "10.1.0.9"), "shop/waiting/web");
}

#[test]
fn a_name_that_no_pod_can_have_is_left_out() {
    for odd in ["", "a\nb", "A", "a b", "\u{202e}", &"a".repeat(254)] {
        let pod = changed(written("web-1", &["10.1.0.9"]), &[("/metadata/name", json!(odd))]);
        assert_eq!(Pod::read(pod.to_string().as_bytes()), Ok(None), "{odd:?}");
        let pod = changed(written("web-1", &["10.1.0.9"]), &[("/spec/containers/0/name", json!(odd))]);
        assert_eq!(read(&pod).who.container, None, "{odd:?}");
    }
    let odd = changed(written("web-1", &["10.1.0.9", "nonsense", "10.1.0.9", "10.1.0.300"]), &[]);
    assert_eq!(read(&odd).addresses, [ip("10.1.0.9")]);
}

#[test]
fn a_pod_of_which_little_is_known_is_still_a_pod() {
    let bare = json!({ "metadata": { "name": "new", "namespace": "shop", "uid": "1" } });
    assert_eq!(read(&bare).addresses, Vec::<IpAddr>::new());
    assert!(Pod::read(b"{}").unwrap().is_none());
    assert!(matches!(Pod::read(b"{\"metadata\": 3}"), Err(Failure::Garbled(_))));
}

#[test]
fn events_and_lists_are_told_from_failures() {
    let text = |kind: &str, object: Value| json!({ "type": kind, "object": object }).to_string();
    let pod = written("web-1", &["10.1.0.9"]);
    let changed = |kind| event(text(kind, pod.clone()).as_bytes()).unwrap();
    assert_eq!(changed("ADDED"), (Event::Changed(read(&pod)), "1041".to_owned()));
    assert_eq!(changed("MODIFIED"), (Event::Changed(read(&pod)), "1041".to_owned()));
    assert_eq!(changed("DELETED"), (Event::Gone("uid-of-web-1".into()), "1041".to_owned()));
    assert_eq!(changed("SOMETHING"), (Event::Nothing, "1041".to_owned()));
    let bookmark = json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "resourceVersion": "2000" }, "spec": { "containers": null }, "status": {} });
    assert_eq!(event(text("BOOKMARK", bookmark).as_bytes()).unwrap(), (Event::Nothing, "2000".to_owned()));
    let status = |code: u16| json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "too old resource version: 1 (9)", "reason": "Expired", "code": code });
    assert_eq!(event(text("ERROR", status(410)).as_bytes()), Err(Failure::Expired));
    assert_eq!(event(text("ERROR", status(500)).as_bytes()), Err(Failure::Refused(500)));
    assert!(matches!(event(b"{\"type\":\"ADDED\"}"), Err(Failure::Garbled(_))));
    assert_eq!(
        list_version(b"{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}"),
        Ok("7".to_owned())
    );
    assert_eq!(list_version(b"{\"kind\":\"PodList\",\"metadata\":{},\"items\":null}"), Ok(String::new()));
    for odd in ["{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Failure\"}", "[]", "", "{}"] {
        assert!(matches!(list_version(odd.as_bytes()), Err(Failure::Garbled(_))), "{odd}");
    }
}

#[test]
fn addresses_are_bounded_and_what_is_left_out_is_counted() {
    let directory = Directory::new(Duration::from_secs(60));
    let pod = |number: usize| {
        let address = format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
        let nowhere = [("/status/hostIP", Value::Null), ("/status/hostIPs", Value::Null)];
        read(&changed(written(&format!("web-{number}"), &[&address]), &nowhere))
    };
    let pods: Vec<_> = (0..MOST_ADDRESSES + 3).map(pod).collect();
    assert_eq!(directory.publish(pods.iter()), Extent { addresses: MOST_ADDRESSES as u64, left_out: 3 });
}

#[tokio::test(start_paused = true)]
async fn without_a_source_or_a_word_from_it_nobody_is_known() {
    assert_eq!(name(&Directory::absent(), "10.1.0.9"), "unknown");
    assert_eq!(Directory::absent().of(ip("127.0.0.1")), None);
    let directory = with(&[written("web-1", &["10.1.0.9"])]);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(name(&directory, "10.1.0.9"), "shop/web-1/web", "who tells of every change has told of none");
    directory.lose();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(name(&directory, "10.1.0.9"), "shop/web-1/web");
    directory.lose();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(name(&directory, "10.1.0.9"), "unknown", "another failure does not make it true for longer");
}

#[tokio::test(start_paused = true)]
async fn strangers_are_bounded_and_worth_a_few_looks_each() {
    let directory = Directory::new(Duration::from_secs(60));
    let wished = async || tokio::time::timeout(Duration::from_millis(1), directory.wished()).await.is_ok();
    directory.hear(false);
    let mut looks = 0;
    for _ in 0..20 {
        directory.publish([].iter());
        for _ in 0..3 {
            assert_eq!(name(&directory, "10.1.0.9"), "unknown");
        }
        looks += u32::from(wished().await);
    }
    assert_eq!(looks, 5);
    for number in 0..MOST_STRANGERS + 2 {
        let address = [10, 9, u8::try_from(number >> 8).unwrap(), u8::try_from(number & 255).unwrap()];
        assert_eq!(directory.whose(address.into()), Whose::Unknown);
    }
    assert_eq!(directory.turned_away(), 3, "one had been noted before");
    tokio::time::advance(Duration::from_secs(601)).await;
    directory.hear(false);
    assert!(wished().await, "one of the many");
    assert_eq!(name(&directory, "10.1.0.9"), "unknown");
    assert!(wished().await, "after a while it is worth a look again");
}

proptest! {
    #[test]
    fn any_bytes_are_a_pod_or_a_failure(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Pod::read(&bytes);
        let _ = event(&bytes);
        let _ = list_version(&bytes);
    }

    #[test]
    fn a_pod_with_anything_in_its_fields_is_a_pod_or_a_failure(
        path in prop::sample::select(vec![
            "/metadata/name", "/metadata/uid", "/metadata/deletionTimestamp", "/spec/containers", "/spec/hostNetwork", "/status/phase",
            "/status/podIP", "/status/podIPs", "/status/startTime", "/status/hostIPs",
        ]),
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from), ".{0,20}".prop_map(Value::from),
            prop::collection::vec(".{0,6}", 0..3).prop_map(Value::from), Just(json!({ "ip": [] })),
        ],
    ) {
        let pod = changed(written("web-1", &["10.1.0.9"]), &[(path, value)]);
        if let Ok(Some(pod)) = Pod::read(pod.to_string().as_bytes()) {
            let directory = Directory::new(Duration::from_secs(60));
            directory.publish([pod].iter());
            directory.hear(true);
            let _ = name(&directory, "10.1.0.9");
        }
    }
}
