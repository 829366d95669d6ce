require "minitest/autorun"

require_relative "app"

class GreetingTest < Minitest::Test
  def test_it_greets_by_name
    assert_equal({ message: "Hello, Ada!" }, handler(event: { "name" => "Ada" }, context: nil))
  end

  def test_it_greets_everybody_else
    assert_equal({ message: "Hello, world!" }, handler(event: {}, context: nil))
  end
end
