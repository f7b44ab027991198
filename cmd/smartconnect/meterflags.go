package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"smartconnect/appliance/config"
	"smartconnect/telegram"
	"smartconnect/telegram/dlms"
)

// meterFlags adds to f what Meter.… is in the configuration: how the telegrams of
// a meter are read. The function it returns checks o once f is parsed.
func meterFlags(f *flag.FlagSet, o *telegram.Options) (check func() error) {
	offset := config.Offset(time.Hour)
	f.TextVar(&offset, "utc-offset", config.Offset(time.Hour), "winter `OFFSET` from UTC of the meter's country")
	f.Func("profile", "scaler `PROFILE` of a binary meter: "+strings.Join(dlms.Profiles(), ", ")+" (default "+config.Auto+": found by the meter)", func(s string) error {
		if o.Profile = s; s == config.Auto {
			o.Profile = ""
		}
		return nil
	})
	f.Func("scaler", "`OBIS=EXPONENT` of an object of a binary meter, as 1-0:1.7.0=-1; may be repeated", func(s string) error {
		code, text, ok := strings.Cut(s, "=")
		exponent, err := strconv.ParseInt(text, 10, 8)
		var c config.Code
		if !ok || err != nil || code == "" {
			return errors.New("want OBIS=EXPONENT as 1-0:1.7.0=-1")
		}
		if err := c.UnmarshalText([]byte(code)); err != nil {
			return err
		}
		for _, known := range o.Scalers {
			if known.OBIS.B = c.B; known.OBIS == c.OBIS {
				return errors.New("the object has a scaler already")
			}
		}
		o.Scalers = append(o.Scalers, telegram.Scaler{OBIS: c.OBIS, Exponent: int8(exponent)})
		return nil
	})
	f.Func("list", "`CODES` of the values of a list without names, by commas, as 1-0:1.7.0,,1-0:31.7.0; an empty one leaves a value out", func(s string) error {
		for text := range strings.SplitSeq(s, ",") {
			var c config.Code
			if err := c.UnmarshalText([]byte(text)); err != nil {
				return err
			}
			o.List = append(o.List, c.OBIS)
		}
		return nil
	})
	f.Float64Var(&o.Ratios.Current, "current-ratio", 1, "`RATIO` of current transformers that the meter does not count in")
	f.Float64Var(&o.Ratios.Voltage, "voltage-ratio", 1, "`RATIO` of voltage transformers")
	f.BoolVar(&o.EstimatePhases, "estimate-phases", false, "compute powers or currents of phases that the meter does not send")
	f.BoolVar(&o.EstimateExport, "estimate-export", false, "compute what a French meter injects and does not measure, from its status word")
	f.BoolFunc("checksum-only", "let the checksum vouch for an encrypted text of P1 whose tag the authentication key does not verify", func(string) error {
		o.Verify = telegram.VerifyChecksum
		return nil
	})
	keys := keyFlags(f)
	return func() (err error) {
		o.UTCOffset = time.Duration(offset)
		if o.Key, o.AuthKey, err = keys(); err != nil {
			return err
		}
		if err := o.Ratios.Validate(); err != nil {
			return fmt.Errorf("--current-ratio, --voltage-ratio: %w", err)
		}
		if err := dlms.Validate(o); err != nil {
			return fmt.Errorf("--profile, --scaler: %w", err)
		}
		return nil
	}
}
