package metrics

import (
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	t.Parallel()
	var p Page
	p.Family("zt_packet", Counter, "packets\nby \\verb")
	p.Count(3, "packet_type", "hello", "direction", "rx")
	p.Count(18446744073709551615, "packet_type", "a\"b\\c\nd\xff", "direction", "tx")
	p.Family("up", Gauge, "Whether.")
	p.Truth(true)
	p.Value(0.25, "odd")
	p.Value(math.Inf(1), "le", "x")
	p.Single("n", Gauge, "Number.", 7)
	p.Distribution("seconds", "How long.", []float64{0.001, 0.5}, []uint64{3, 0, 2}, 7.25)
	want := `# HELP zt_packet packets\nby \\verb
# TYPE zt_packet counter
zt_packet{direction="rx",packet_type="hello"} 3
zt_packet{direction="tx",packet_type="a\"b\\c\nd?"} 18446744073709551615
# HELP up Whether.
# TYPE up gauge
up 1
up 0.25
up{le="x"} +Inf
# HELP n Number.
# TYPE n gauge
n 7
# HELP seconds How long.
# TYPE seconds histogram
seconds_bucket{le="0.001"} 3
seconds_bucket{le="0.5"} 3
seconds_bucket{le="+Inf"} 5
seconds_sum 7.25
seconds_count 5
`
	if got := string(p.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The process uses memory and time.
func TestProcess(t *testing.T) {
	t.Parallel()
	var p Page
	p.Process(time.Unix(1_800_000_000, 0))
	text := string(p.Bytes())
	for _, name := range []string{"go_goroutines", "go_memory_heap_bytes", "go_memory_bytes", "process_cpu_seconds_total"} {
		if !regexp.MustCompile(`(?m)^`+name+` [1-9.]`).MatchString(text) && !strings.Contains(text, name+" 0.") {
			t.Errorf("no %s in\n%s", name, text)
		}
	}
	if !strings.Contains(text, "process_start_time_seconds 1.8e+09\n") {
		t.Error(text)
	}
}
