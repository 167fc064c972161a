package metrics

import (
	"runtime"
	rt "runtime/metrics"
	"time"
)

// Process adds what is known of this process: memory, processor time, age.
func (p *Page) Process(started time.Time) {
	s := []rt.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	rt.Read(s)
	p.Single("go_goroutines", Gauge, "Number of goroutines that currently exist.", uint64(runtime.NumGoroutine()))
	p.Single("go_memory_heap_bytes", Gauge, "Bytes of objects on the heap.", s[0].Value.Uint64())
	p.Single("go_memory_bytes", Gauge, "Bytes that the runtime has from the system and has not given back.", s[1].Value.Uint64()-s[2].Value.Uint64())
	if n := resident(); n > 0 {
		p.Single("process_resident_memory_bytes", Gauge, "Resident memory size in bytes.", n)
	}
	if d, ok := processor(); ok {
		p.Family("process_cpu_seconds_total", Counter, "Total user and system CPU time spent in seconds.")
		p.Value(d.Seconds())
	}
	p.Family("process_start_time_seconds", Gauge, "Start time of the process since unix epoch in seconds.")
	p.Value(float64(started.UnixMilli()) / 1000)
}
