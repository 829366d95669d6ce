# What stands here runs once for each execution environment.
GREETING = ENV.fetch("GREETING", "Hello")

def handler(event:, context:)
  name = event.fetch("name", "world")
  puts "greeting #{name}"
  { message: "#{GREETING}, #{name}!" }
end
