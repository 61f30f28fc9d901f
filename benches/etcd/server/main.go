// The etcd server, as its own program has it: beside Paddock it takes the write rows of `benches/results.py` on its own protocol.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
