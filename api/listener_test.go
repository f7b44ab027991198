package api

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"testing"
	"time"
)

// Who sends a form letter by letter, and has shown no password yet, keeps nobody out:
// not with every place there is.
func TestSlowFormsMakeRoom(t *testing.T) {
	b := start(t, func(b *box) { b.Limits.Conns = 3 })
	for range 3 {
		conn, err := tls.Dial("tcp", b.secure, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: box\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\nExpect: 100-continue\r\n\r\n")
		if line, err := bufio.NewReader(conn).ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" { // the form is being read
			t.Fatalf("%q, %v", line, err)
		}
	}
	conn, err := tls.Dial("tcp", b.secure, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("no room for the owner: %v", err)
	}
	conn.Close()
}
