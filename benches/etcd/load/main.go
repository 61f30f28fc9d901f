// Puts on etcd's own protocol, by its own client: the load of the write rows of `paddock bench`, with its options and figures.
//
//	load -endpoints 127.0.0.1:2379 -pids 4711 -connections 50 -pipeline 32 -seconds 8 -warmup 5
//
// Each connection is a client with a TCP connection of its own to one of the endpoints in turn. With a pipeline of 32 that many
// puts are in flight on it, each a stream of HTTP/2. A put is answered when it is durable on a majority. The answer is JSON as
// `paddock bench` gives it: latencies in microseconds; CPU is user and system time of the processes, which the kernel
// counts in 10 ms.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// A connection that has not come to be for so long does not come.
const dialMax = 10 * time.Second

// A put that has no answer for so long counts as failed.
const putMax = 10 * time.Second

// The kernel's unit of CPU time.
const tick = 0.01

type arguments struct {
	endpoints, pids                       []string
	connections, pipeline, keys, valueLen int
	seconds, warmup                       float64
}

func parse() arguments {
	endpoints := flag.String("endpoints", "127.0.0.1:2379", "HOST:PORT of each server, with commas")
	pids := flag.String("pids", "", "processes of the servers, with commas")
	var args arguments
	flag.IntVar(&args.connections, "connections", 1, "TCP connections")
	flag.IntVar(&args.pipeline, "pipeline", 1, "puts in flight on each")
	flag.IntVar(&args.keys, "keys", 10_000, "keys, each as likely as another")
	flag.IntVar(&args.valueLen, "value-size", 100, "bytes of each value")
	flag.Float64Var(&args.seconds, "seconds", 8, "measured")
	flag.Float64Var(&args.warmup, "warmup", 5, "of the same load before")
	flag.Parse()
	args.endpoints = strings.Split(*endpoints, ",")
	args.pids = strings.FieldsFunc(*pids, func(r rune) bool { return r == ',' })
	return args
}

func main() {
	args := parse()
	if err := run(args); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args arguments) error {
	clients := make([]*clientv3.Client, args.connections)
	for n := range clients {
		client, err := clientv3.New(clientv3.Config{
			Endpoints:   []string{args.endpoints[n%len(args.endpoints)]},
			DialTimeout: dialMax,
			Logger:      zap.NewNop(),
		})
		if err != nil {
			return err
		}
		defer client.Close()
		clients[n] = client
	}
	begin := time.Now().Add(time.Duration(args.warmup * float64(time.Second)))
	end := begin.Add(time.Duration(args.seconds * float64(time.Second)))
	writers := make([]writer, args.connections*args.pipeline)
	var all sync.WaitGroup
	for n := range writers {
		writers[n] = writer{client: clients[n/args.pipeline], random: rand.New(rand.NewSource(int64(n + 1)))}
		all.Add(1)
		go func() {
			defer all.Done()
			writers[n].write(args, begin, end)
		}()
	}
	time.Sleep(time.Until(begin))
	before, errBefore := cpu(args.pids)
	own, errOwn := cpu([]string{"self"})
	time.Sleep(time.Until(end))
	after, errAfter := cpu(args.pids)
	ownAfter, errOwnAfter := cpu([]string{"self"})
	resident, peak, errMemory := memory(args.pids)
	all.Wait()
	if err := errors.Join(errBefore, errOwn, errAfter, errOwnAfter, errMemory); err != nil {
		return err
	}
	latencies := []float64{}
	for _, writer := range writers {
		latencies = append(latencies, writer.latencies...)
	}
	if len(latencies) == 0 {
		return fmt.Errorf("no put was answered; %d failed, the last with: %v", failures.Load(), lastError.Load())
	}
	operations := float64(len(latencies))
	server := spent(after-before, operations)
	server["resident_bytes"], server["resident_peak_bytes"] = resident, peak
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"label":          "etcd put",
		"ops_per_second": operations / args.seconds,
		"seconds":        args.seconds,
		"failures":       failures.Load(),
		"classes":        map[string]any{"writes": quantiles(latencies, args.seconds)},
		"server":         server,
		"client":         spent(ownAfter-own, operations),
	})
}

var failures atomic.Int64
var lastError atomic.Value

// One put at a time; its latencies in microseconds are those of puts that were answered within the measured time.
type writer struct {
	client    *clientv3.Client
	random    *rand.Rand
	latencies []float64
}

func (w *writer) write(args arguments, begin, end time.Time) {
	value := strings.Repeat("v", args.valueLen)
	for time.Now().Before(end) {
		key := fmt.Sprintf("/paddock-bench/keys/%016d", w.random.Intn(args.keys))
		sent := time.Now()
		context, cancel := context.WithTimeout(context.Background(), putMax)
		_, err := w.client.Put(context, key, value)
		cancel()
		answered := time.Now()
		switch {
		case err != nil:
			failures.Add(1)
			lastError.Store(err.Error())
		case answered.After(begin) && answered.Before(end):
			w.latencies = append(w.latencies, float64(answered.Sub(sent).Nanoseconds())/1e3)
		}
	}
}

func quantiles(latencies []float64, seconds float64) map[string]float64 {
	slices.Sort(latencies)
	at := func(share float64) float64 {
		return latencies[min(int(share*float64(len(latencies))), len(latencies)-1)]
	}
	return map[string]float64{
		"count": float64(len(latencies)), "per_second": float64(len(latencies)) / seconds,
		"min_us": latencies[0], "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99), "p99_9_us": at(0.999),
		"max_us": latencies[len(latencies)-1],
	}
}

func spent(cpuSeconds, operations float64) map[string]any {
	figures := map[string]any{"cpu_seconds": cpuSeconds, "cpu_us_per_op": cpuSeconds * 1e6 / operations}
	if cpuSeconds > 0 {
		figures["ops_per_cpu_second"] = operations / cpuSeconds
	}
	return figures
}

// Of all processes together, seconds.
func cpu(pids []string) (float64, error) {
	sum := 0.0
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			return 0, err
		}
		// The name in parentheses may hold blanks.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, err := strconv.ParseFloat(field, 64)
			if err != nil {
				return 0, err
			}
			sum += ticks * tick
		}
	}
	return sum, nil
}

// Of all processes together, bytes: resident now, and the most of each ever.
func memory(pids []string) (resident, peak int64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			return 0, 0, err
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 2 || (fields[0] != "VmRSS:" && fields[0] != "VmHWM:") {
				continue
			}
			kibibytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, 0, err
			}
			if fields[0] == "VmRSS:" {
				resident += kibibytes << 10
			} else {
				peak += kibibytes << 10
			}
		}
	}
	return resident, peak, nil
}
