net.listen('$address', $port, {kind = 'dns'})
cache.size = 200 * MB
trust_anchors.remove('.')
policy.add(policy.suffix(policy.FORWARD('$cluster_at'), {todname('cluster.local')}))
policy.add(policy.all(policy.TLS_FORWARD({{'$dot_at', hostname = 'dot.lab', ca_file = '$folder/ca.pem'}})))
