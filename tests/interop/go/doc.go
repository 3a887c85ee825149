// Command interop runs the Go clients and the helpers of the interoperability runs.
//
//	interop own     -client franz|sarama|kafkago -bootstrap B -records N -digests FILE
//	interop cross   -client ... -bootstrap B [-fold] NAME,FROM,COUNT...
//	interop transactions -bootstrap B               commit, abort, fence and take records along
//	interop dataset -bootstrap B -bytes N          stream text line by line and compare it by hash
//	interop ports N                                so many free ports
//	interop create  -bootstrap B NAME...           make topics for clients that cannot
//	interop lines   -topic NAME,FROM,COUNT -partition P           print the lines that kcat sends
//	interop kcat    -topic NAME,FROM,COUNT [-lines]               compare what kcat prints with -f "$(interop format)"
//	interop groups  -client C -bootstrap B [-protocol P] [-lags FILE] [COMMAND...]    a group of C's members
//	interop host    -client franz|sarama BOOTSTRAP TOPIC GROUP PROTOCOL SESSION       some of those members
//	interop lag     -bootstrap B -kafkatop PROGRAM -lags FILE,FILE... JAVA...           what tools say is left
package main
