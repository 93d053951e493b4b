-- Not measured: the resolver outside, over TLS, and plain for those that cannot.
setLocal("$plain")
addTLSLocal("$dot", "$folder/server.pem", "$folder/server.key", {provider="openssl", maxConcurrentTCPConnections=1000})
setACL({"127.0.0.0/8"})
setMaxTCPClientThreads(4)
setSecurityPollSuffix("")
addAction(QTypeRule(DNSQType.AAAA), SpoofAction({"2001:db8::1"}, {ttl=3600}))
addAction(AllRule(), SpoofAction({"192.0.2.1"}, {ttl=3600}))
