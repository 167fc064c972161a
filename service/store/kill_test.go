//go:build unix

package store

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"orrery/engine/controller"
	"orrery/engine/identity"
)

const killVariable = "ORRERY_TEST_KILL_DB"

// TestMain makes this program write to a database until it is killed, if it is
// told to.
func TestMain(m *testing.M) {
	if path := os.Getenv(killVariable); path != "" {
		writeForever(path)
	}
	os.Exit(m.Run())
}

// killGroup is how many records one transaction writes. They hold one number.
const killGroup = 5

// writeForever applies transactions and prints the number of each when it is
// durable.
func writeForever(path string) {
	s, err := OpenSQLite(path, nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	start := 0
	if records, err := s.Load(); err == nil && len(records) > 0 {
		start = number(records[0]) + 1
	}
	for i := start; ; i++ {
		changes := []controller.Change{set(netA, 0, fmt.Sprintf(`{"i":%d}`, i))}
		for m := range killGroup {
			changes = append(changes, set(netA, identity.Address(m+1), fmt.Sprintf(`{"i":%d,"pad":%q}`, i, strings.Repeat("x", i%3000))))
		}
		if err := s.Apply(changes); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

func number(r controller.Record) int {
	var v struct{ I int }
	if err := json.Unmarshal(r.Doc, &v); err != nil {
		return -1
	}
	return v.I
}

// What was applied survives SIGKILL, and no transaction is there in part.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	last := -1
	for _, after := range []int{1, 20, 57} {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), killVariable+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range after {
			if !lines.Scan() {
				break
			}
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatalf("writer: %s", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it had printed before it died
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				last = n
			}
		}
		_ = cmd.Wait() // it was killed
		checkKilled(t, path, last)
	}
}

func checkKilled(t *testing.T, path string, last int) {
	t.Helper()
	s, err := OpenSQLite(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	records := load(t, s)
	if len(records) != killGroup+1 {
		t.Fatalf("%d records", len(records))
	}
	got := number(records[0])
	if got != last && got != last+1 {
		t.Errorf("the database is at %d, %d was acknowledged", got, last)
	}
	for _, r := range records {
		if number(r) != got {
			t.Errorf("a transaction is there in part: %d and %d", got, number(r))
		}
	}
	var verdict string
	if err := s.db.QueryRow(`PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity check: %s, %v", verdict, err)
	}
}

func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			s, err := OpenSQLite(filepath.Join(b.TempDir(), "db"), []controller.Record{rec(netA, 0, `{}`)})
			if err != nil {
				b.Fatal(err)
			}
			defer closeStore(b, s)
			changes := make([]controller.Change, size)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for k := range changes {
					changes[k] = set(netA, identity.Address(1+(i*size+k)%10000), strings.Repeat("x", 600))
				}
				apply(b, s, changes...)
			}
		})
	}
}
