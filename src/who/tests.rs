//! The directory by itself, its two sources against real servers on loopback, and whoever keeps the one like the other.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::directory::{Directory, Whose};
use super::pod::Pod;

mod directory;
mod keeper;
mod server;
mod sources;

/// Ends a test that hangs; never reached otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// An address.
fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A pod as the API server writes it, with much that is of no interest here.
fn written(name: &str, addresses: &[&str]) -> Value {
    let addresses: Vec<_> = addresses.iter().map(|address| json!({ "ip": address })).collect();
    json!({
        "metadata": {
            "name": name,
            "generateName": "web-6f9b7c8d4-",
            "namespace": "shop",
            "uid": format!("uid-of-{name}"),
            "resourceVersion": "1041",
            "creationTimestamp": "2026-11-27T04:12:00Z",
            "labels": { "app": "web", "pod-template-hash": "6f9b7c8d4" },
            "annotations": { "kubernetes.io/config.seen": "2026-11-27T04:12:00.123456789Z", "quoted": "a \"{[\\ b" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-6f9b7c8d4", "uid": "0", "controller": true }],
            "managedFields": [{ "manager": "kubelet", "operation": "Update", "fieldsV1": { "f:status": { "f:podIP": {} } }, "subresource": "status" }]
        },
        "spec": {
            "volumes": [{ "name": "kube-api-access", "projected": { "sources": [{ "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } }] } }],
            "initContainers": [{ "name": "migrate", "image": "example/web:1" }],
            "containers": [{ "name": "web", "image": "example/web:1", "ports": [{ "containerPort": 8080, "protocol": "TCP" }], "resources": { "limits": { "cpu": "1" } } }],
            "nodeName": "node-7",
            "restartPolicy": "Always",
            "tolerations": [{ "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }]
        },
        "status": {
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-11-27T04:12:05Z" }],
            "hostIP": "192.0.2.7",
            "hostIPs": [{ "ip": "192.0.2.7" }, { "ip": "2001:db8::7" }],
            "podIP": addresses.first().map_or(Value::Null, |first| first["ip"].clone()),
            "podIPs": addresses,
            "startTime": "2026-11-27T04:12:00Z",
            "containerStatuses": [{ "name": "web", "state": { "running": { "startedAt": "2026-11-27T04:12:04Z" } }, "restartCount": 0 }],
            "qosClass": "Burstable"
        }
    })
}

/// The same with something else in it: paths in JSON and their values.
fn changed(mut pod: Value, changes: &[(&str, Value)]) -> Value {
    for (path, value) in changes {
        let (parent, key) = path.rsplit_once('/').unwrap();
        pod.pointer_mut(parent).unwrap()[key] = value.clone();
    }
    pod
}

/// A pod that was told to end.
fn ending(pod: Value) -> Value {
    changed(pod, &[("/metadata/deletionTimestamp", json!("2026-11-27T05:00:30Z"))])
}

/// All pods as a list.
fn list(version: &str, pods: &[Value]) -> String {
    json!({ "kind": "PodList", "apiVersion": "v1", "metadata": { "resourceVersion": version }, "items": pods })
        .to_string()
}

/// Reads a pod.
fn read(pod: &Value) -> Pod {
    Pod::read(pod.to_string().as_bytes()).unwrap().unwrap()
}

/// What a directory calls an address: `namespace/pod/container`, "host", or "unknown".
fn name(directory: &Directory, address: &str) -> String {
    match directory.whose(ip(address)) {
        Whose::Pod(who) => who.to_string(),
        Whose::Host => "host".to_owned(),
        Whose::Unknown => "unknown".to_owned(),
    }
}
