-- Not measured: the resolver outside, over TLS, and plain for those that cannot. Its addresses are public ones, since others do not pass the filter
-- against rebinding, and an answer that was emptied is not what is to be measured.
setLocal("$plain")
addTLSLocal("$dot", "$folder/server.pem", "$folder/server.key", {provider="openssl", maxConcurrentTCPConnections=1000})
setACL({"127.0.0.0/8"})
setMaxTCPClientThreads(4)
setSecurityPollSuffix("")
addAction(QTypeRule(DNSQType.AAAA), SpoofAction({"2001:503:ba3e::2:30"}, {ttl=3600}))
addAction(AllRule(), SpoofAction({"198.41.0.4"}, {ttl=3600}))
