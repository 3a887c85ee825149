// Command interop runs the Go clients and the helpers of the interoperability runs.
//
//	interop own     -client franz|sarama|kafkago -bootstrap B -records N -digests FILE
//	interop cross   -client ... -bootstrap B [-fold] NAME,FROM,COUNT...
//	interop dataset -bootstrap B -bytes N          stream text line by line and compare it by hash
package main
