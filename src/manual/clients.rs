//! Which pod asked: where the names of clients come from, what they cost, and when there is none.
//!
//! The query log, `nodens ctl`, `nodens top` and detections show a client as `namespace/pod/container` where `[clients]` says whom to ask;
//! otherwise as an address. Metrics never carry either. The code is [`who`](crate::who).
//!
//! # Choose a source
//!
//! | `source` | knows of a change | needs | costs |
//! |---|---|---|---|
//! | `"api-server"` | within a second | list and watch of pods in all namespaces: rights cannot be limited to a node before Kubernetes 1.32 (`AuthorizeWithSelectors`) | one connection a node, as each kubelet has; events of this node's pods |
//! | `"kubelet"`, port 10250 | within `refresh`; within a second for pods that were told to end and go on asking | get of `nodes/pods` (Kubernetes 1.33, `KubeletFineGrainedAuthz`) | the list of all pods every `refresh`: some 20 kB a pod, read piece by piece |
//! | `"kubelet"`, port 10255 | the same | nothing, where that port is still open | the same |
//! | `"none"` | | | |
//!
//! `nodes/proxy`, which older kubelets ask for, is no right to read: who has it runs commands in every pod of the node. Take the API server then.
//! There is no source `"cri"`: the runtime's socket belongs to root, and a connection to it starts privileged containers. It would
//! have to stay open in the process that answers strangers, which holds nothing of that kind ([`sandbox`](super::sandbox)).
//!
//! # What proves the kubelet
//!
//! The token goes only to a server that has proved itself: by a certificate for its address that an authority in `ca` has signed, or by being
//! the very certificate that stands in `ca`. There is no way to do without.
//!
//! | kubelet's certificate | `address` | `ca` |
//! |---|---|---|
//! | its own (kubeadm without `serverTLSBootstrap`) | `https://127.0.0.1:10250` | `/var/lib/kubelet/pki/kubelet.crt`, mounted from the node: the certificate itself is known, whatever name and dates it has |
//! | signed by the cluster (`serverTLSBootstrap`, most clouds) | `https://` and the node's address | the cluster's, `/var/run/secrets/kubernetes.io/serviceaccount/ca.crt` |
//! | k3s and RKE2 | `https://127.0.0.1:10250` | `/var/lib/rancher/k3s/agent/server-ca.crt`, mounted from the node |
//!
//! `openssl s_client -connect 127.0.0.1:10250 </dev/null | openssl x509 -noout -issuer -ext subjectAltName` tells which it is. Both files are read for
//! each connection, so a token that is replaced (every hour) and a certificate that is renewed need no reload.
//!
//! # When there is no name
//!
//! - The node's own addresses, and pods on its network (`hostNetwork`): nobody can tell them apart, they are the host.
//! - A pod that is just being started, until its address is in the list: a second or two. An unknown address is worth five looks out of turn.
//! - A pod of another node, or a client outside of the cluster.
//! - A pod that was told to end, of which a kubelet has not been asked for a second: the address may have another owner.
//! - The source has been silent for a minute, or three times `refresh`.
//!
//! A wrong name is possible with a kubelet alone: a pod ends without having been told to (it has finished, or was deleted without grace), and
//! another gets its address before the next look. Addresses are rarely given out again so soon; where that matters, take the API server.
//!
//! # Bounds and what counts them
//!
//! | bound | counted by |
//! |---|---|
//! | 4,096 pods and 4,096 addresses | `nodens_client_directory_left_out` |
//! | 1,024 unknown addresses that are worth a look | `nodens_client_directory_not_looked_up_total` |
//! | 64 MiB a list, 4 MiB a pod; 5 s for a connection, 10 s for the beginning of an answer, 20 s for a list | `nodens_client_directory_reads_total{result="garbled"}`, `{result="unreachable"}` |
//! | one look a second; after failures pauses from 1 to 30 s | |
//!
//! `nodens_client_directory_timestamp_seconds` is when the source was heard last: `time() - nodens_client_directory_timestamp_seconds` is its age.
