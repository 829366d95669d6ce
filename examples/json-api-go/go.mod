module json-api

go 1.22

require (
	github.com/aws/aws-lambda-go v1.49.0
	go.etcd.io/bbolt v1.3.11
)

require golang.org/x/sys v0.4.0 // indirect
