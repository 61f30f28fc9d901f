// go-zookeeper's functions for four-letter words, which take apart what a server answers by expressions of their own. Usage: words
// CONNECT_STRING. See tests/clients.rs for what is printed.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	sessionTimeout = 20 * time.Second
	patience       = 20 * time.Second
	writes         = 5
)

func main() {
	servers := strings.Split(os.Args[1], ",")
	connection := open(servers)
	defer connection.Close()
	for number := 0; number < writes; number++ {
		_, err := connection.Create(fmt.Sprintf("/words-%d", number), []byte("x"), 0, zk.WorldACL(zk.PermAll))
		check(err == nil, "create: %v", err)
	}
	ruok(servers)
	srvr(servers)
	cons(servers, connection)
	fmt.Println("DONE")
}

func open(servers []string) *zk.Conn {
	connection, events, err := zk.Connect(servers, sessionTimeout, zk.WithLogInfo(false))
	check(err == nil, "connect: %v", err)
	deadline := time.After(patience)
	for {
		select {
		case event := <-events:
			if event.State == zk.StateHasSession {
				return connection
			}
		case <-deadline:
			check(false, "no session")
		}
	}
}

func ruok(servers []string) {
	for place, isOk := range zk.FLWRuok(servers, patience) {
		check(isOk, "%s is not ok", servers[place])
	}
}

// When a server was built, as ZooKeeper 3.9 tells it.
var built = regexp.MustCompile(`built on (\d{4})-(\d\d)-(\d\d) `)

// FLWSrvr takes no date but as older ZooKeepers told it: with ZooKeeper 3.9 it fails too. So it asks somebody here, who asks the server
// and tells that one date as it wants it. All else is as the server has it.
func srvr(servers []string) {
	told, areOk := zk.FLWSrvr(inOlderForm(servers), patience)
	for _, server := range told {
		check(server.Error == nil, "srvr of %s: %v", server.Server, server.Error)
		check(server.Mode != zk.ModeUnknown, "srvr of %s: no mode", server.Server)
		check(strings.HasPrefix(server.Version, "3."), "srvr of %s: version %q", server.Server, server.Version)
		check(server.BuildTime.Year() > 2000, "srvr of %s: built %v", server.Server, server.BuildTime)
		check(server.NodeCount >= writes, "srvr of %s: %d znodes", server.Server, server.NodeCount)
		check(server.Counter >= writes, "srvr of %s: transaction %d", server.Server, server.Counter)
		check(server.Received > 0 && server.Connections > 0, "srvr of %s: %+v", server.Server, server)
	}
	check(areOk && len(told) == len(servers), "srvr: %d of %d servers", len(told), len(servers))
}

func inOlderForm(servers []string) []string {
	addresses := make([]string, len(servers))
	for place, server := range servers {
		server := server
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(err == nil, "listen: %v", err)
		addresses[place] = listener.Addr().String()
		go func() {
			client, err := listener.Accept()
			check(err == nil, "accept: %v", err)
			defer client.Close()
			word := make([]byte, 4)
			_, err = io.ReadFull(client, word)
			check(err == nil, "read: %v", err)
			io.WriteString(client, built.ReplaceAllString(ask(server, string(word)), "built on $2/$3/$1 "))
		}()
	}
	return addresses
}

func ask(server, word string) string {
	connection, err := net.DialTimeout("tcp", server, patience)
	check(err == nil, "dial: %v", err)
	defer connection.Close()
	_, err = io.WriteString(connection, word)
	check(err == nil, "write: %v", err)
	told, err := io.ReadAll(connection)
	check(err == nil, "read: %v", err)
	return string(told)
}

// Its verdict on the whole is not looked at: the connection that asks is told as well, has no session, and is thereby no line that
// this function takes, with ZooKeeper either.
func cons(servers []string, connection *zk.Conn) {
	told, _ := zk.FLWCons(servers, patience)
	check(len(told) == len(servers), "cons: %d of %d servers", len(told), len(servers))
	found := 0
	for place, server := range told {
		check(server.Error == nil, "cons of %s: %v", servers[place], server.Error)
		for _, client := range server.Clients {
			if client.SessionID == connection.SessionID() {
				found++
				check(client.Received > writes && client.Sent > writes, "cons: %+v", client)
				check(client.LastOperation == "CREA" || client.LastOperation == "PING", "cons: %q", client.LastOperation)
				check(time.Duration(client.Timeout)*time.Millisecond == sessionTimeout, "cons: timeout %d", client.Timeout)
				check(client.Addr != "" && client.Lzxid > 0, "cons: %+v", client)
			}
		}
	}
	check(found == 1, "cons: the session is told %d times", found)
}

func check(isSo bool, format string, values ...any) {
	if !isSo {
		fmt.Printf(format+"\n", values...)
		os.Exit(1)
	}
}
