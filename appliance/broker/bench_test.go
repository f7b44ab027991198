package broker

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkTelegram is the time from a telegram to the moment the last of the
// subscribers has all of its messages.
func BenchmarkTelegram(b *testing.B) {
	for _, subscribers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			box := start(b, func(b *Broker) { b.Limits.PerAddress = subscribers })
			got := make(chan struct{}, subscribers)
			for range subscribers {
				c := enter(b, box.addr, login{user: "mqtt", password: pwReader})
				c.subscribe(base+"/#", 0)
				go func() {
					for {
						m, err := c.receive(time.Minute)
						if err != nil {
							return
						}
						if m.topic == base+"/gas/1" {
							got <- struct{}{}
						}
					}
				}()
			}
			for b.Loop() {
				box.says(house(1))
				for range subscribers {
					<-got
				}
			}
			b.ReportMetric(float64(box.Stats().Sent)/float64(b.N)/float64(subscribers), "messages/subscriber")
		})
	}
}
