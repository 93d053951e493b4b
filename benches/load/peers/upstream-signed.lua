-- Not measured: takes queries over TLS to the server that holds the signed world.
addTLSLocal("$here", "$folder/server.pem", "$folder/server.key", {provider="openssl", maxConcurrentTCPConnections=1000})
setACL({"127.0.0.0/8"})
setSecurityPollSuffix("")
setMaxTCPClientThreads(2)
newServer({address="$plain", healthCheckMode="up"})
